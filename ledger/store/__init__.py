"""The files. `files` is the only module with I/O; `tree` is how a ledger is read, from a folder or (later) a revision.

Side by side above them: `journal` (rows in flight), `blobs` (charts), `entries` (what is said of a run), `segments`.
Then `shown` (which rows count), `fold` (a run's files become a `state.RunState`), and `catalog` remembers states.
"""
