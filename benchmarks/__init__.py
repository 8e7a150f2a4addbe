"""What ledger costs, each figure measured beside a reference in the same run: `python -m benchmarks`.

One module a figure; each has `measure(quick) -> list[Figure]` and runs in a process and a folder of its own.
"""
