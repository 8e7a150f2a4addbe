"""Fuzz one parser for a while: `python -m tests.fuzz TARGET [--seconds N | --runs N] [--corpus FOLDER] [--plain]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import atheris
except ImportError:
    atheris = None

if TYPE_CHECKING:
    from tests.fuzz.laws import Target


def main() -> None:
    """Run a target under atheris or, where it is not installed, by the loop of the tests."""
    guided = atheris is not None and "--plain" not in sys.argv
    if guided:  # before anything imports ledger: what is imported here counts which branches are taken
        with atheris.instrument_imports(include=["ledger"], enable_loader_override=False):
            from tests.fuzz import laws
    else:
        from tests.fuzz import laws

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz one parser for a while.")
    parser.add_argument("target", choices=sorted(laws.TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="how long (60), unless --runs is given")
    parser.add_argument("--runs", type=int, help="how many inputs")
    parser.add_argument("--corpus", type=Path, help="the folder that keeps what led further, for the next time")
    parser.add_argument("--plain", action="store_true", help="do without atheris")
    given = parser.parse_args()
    target = laws.TARGETS[given.target]
    if guided:
        corpus = given.corpus or Path(tempfile.mkdtemp(prefix=f"ledger-fuzz-{given.target}-"))
        _guided(target, corpus, f"-runs={given.runs}" if given.runs else f"-max_total_time={given.seconds}")
    else:
        _plain(target, given.runs, given.seconds)


def _guided(target: Target, corpus: Path, limit: str) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(target.seeds()):
        (corpus / f"seed-{i}").write_bytes(data)
    print(f"inputs that led further, and {corpus}/broken-* that broke the law, are kept in {corpus}", flush=True)
    options = [limit, "-timeout=20", "-max_len=16384", "-rss_limit_mb=4096", f"-artifact_prefix={corpus}/broken-"]

    def law(data: bytes) -> None:
        target.law(data)

    atheris.Setup([sys.argv[0], *options, str(corpus)], law)
    atheris.Fuzz()


def _plain(target: Target, runs: int | None, seconds: int) -> None:
    from tests.fuzz import loop

    tried = accepted = 0
    end = time.monotonic() + seconds
    while tried < runs if runs else time.monotonic() < end:
        count = loop.run(target, min(1000, runs - tried) if runs else 1000, number=time.time_ns())
        tried, accepted = tried + count.tried, accepted + count.accepted
    print(f"{tried} inputs, {accepted} accepted, no law broken")


if __name__ == "__main__":
    main()
