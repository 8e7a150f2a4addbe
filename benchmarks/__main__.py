"""Run benchmarks and print one table; exits 1 if a limit is missed."""

import argparse
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from benchmarks.measure import Figure, run

NAMES = ("log", "shell", "seal", "short_runs", "catalog", "revisions", "verify", "evaluate", "backfill")
HEADINGS = ("figure", "ours", "reference", "ratio", "limit", "")


def row(figure: Figure) -> tuple[str, ...]:
    """Return a figure as the cells of the table."""
    limit = ""
    if figure.ratio_limit is not None:
        limit = f"{figure.ratio_limit:g}x"
    elif figure.limit is not None:
        limit = f"{figure.limit:g} {figure.unit}"
    return (
        figure.name,
        f"{figure.ours:.4g} {figure.unit}",
        "" if figure.reference is None else f"{figure.reference:.4g} {figure.unit}",
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        limit,
        "OVER" if figure.over else "ok" if limit else "",
    )


def as_json(figure: Figure) -> dict[str, object]:
    """Return a figure for `--json`; what it has not is left out."""
    found = {**figure._asdict(), "ratio": figure.ratio, "over": figure.over}
    return {key: value for key, value in found.items() if value is not None}


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows under the headings, numbers to the right."""
    widths = [max(len(line[i]) for line in [HEADINGS, *rows]) for i in range(len(HEADINGS))]
    for line in [HEADINGS, *rows]:
        cells = [line[i].ljust(width) if i in (0, 5) else line[i].rjust(width) for i, width in enumerate(widths)]
        print("  ".join(cells).rstrip())


def main() -> int:
    """Run what the command line asks for; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, to try the scripts; limits mean less")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    figures: list[Figure] = []
    fresh = multiprocessing.get_context("spawn")
    for name in arguments.names or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        # A process each: what one has loaded, allocated or cached must not change what the next one measures.
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            figures += pool.submit(run, name, arguments.quick).result()
    if arguments.json:
        print(json.dumps({"schema": "ledger.benchmarks/1", "figures": [as_json(f) for f in figures]}, indent=2))
    else:
        print_table([row(figure) for figure in figures])
    return int(any(figure.over for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
