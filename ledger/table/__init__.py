"""The files read back as rows, and compared. `select` finds runs, `filter` and `columns` say which and what of them,
`frames` gives their rows, `compare` sets many runs side by side, `diff` two.
"""
