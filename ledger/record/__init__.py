"""A run being written. `start` opens, joins or resumes one; `run` is what training code holds; `seal` turns journals
into committed files. `late` and `annotations` add to runs that are there already; `pictures` makes bytes of charts;
`provenance` and `redact` say where a run came from, without its secrets.
"""
