"""What the bytes mean. Pure functions: no file, no clock, no environment.

`names` (metrics, contexts, keys), `values` (what may be logged, and what it becomes), `ids` (runs, writers),
`layout` (every path under `.ledger`), `entries` (what is said of a run, as JSON), `frame` (one call in a journal),
`rows` (many frames as columns), `columns` (the same rows as Parquet).
"""
