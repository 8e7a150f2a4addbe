"""What every benchmark is made of: figures with limits, and measuring several things by turns, since machines drift."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

Samples = list[float]


class Figure(NamedTuple):
    """One line of the table: `ours` and `reference` in `unit`, and at most one limit; without one it is a mere report.

    `limit`: what `ours` may be in `unit`; `ratio_limit`: how many times the reference it may be.
    """

    name: str
    ours: float
    unit: str
    reference: float | None = None
    limit: float | None = None
    ratio_limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the reference ours is; None without a reference."""
        return self.ours / self.reference if self.reference else None

    @property
    def over(self) -> bool:
        """Whether a limit is missed."""
        if self.ratio_limit is not None:
            return self.ratio is None or self.ratio > self.ratio_limit
        return self.limit is not None and self.ours > self.limit


def run(name: str, quick: bool) -> list[Figure]:
    """Run one benchmark in a folder of its own; called in a fresh process."""
    here = os.getcwd()
    # So that commands started from the scratch folder find the same ledger as this process does.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    for variable in ("LEDGER_RUN", "LEDGER_DIR", "LEDGER_MODE"):
        os.environ.pop(variable, None)
    with tempfile.TemporaryDirectory(prefix="ledger-benchmark-") as folder:
        os.environ["LEDGER_CACHE_DIR"] = os.path.join(folder, "cache")
        # Bytecode is cached, as it is for an installed package, and not in the checkout.
        os.environ["PYTHONPYCACHEPREFIX"] = os.path.join(folder, "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.makedirs(os.path.join(folder, "work"))
        os.chdir(os.path.join(folder, "work"))
        try:
            return list(import_module(f"benchmarks.{name}").measure(quick))
        finally:
            os.chdir(here)


def by_turns(rounds: int, contenders: Mapping[str, Callable[[], object]], warm_up: int = 1) -> dict[str, Samples]:
    """Return the seconds of each contender's calls, one call of each a round, the first `warm_up` rounds left out."""
    found: dict[str, Samples] = {name: [] for name in contenders}
    for _ in range(warm_up):
        for call in contenders.values():
            call()
    for _ in range(rounds):
        for name, call in contenders.items():
            begin = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - begin)
    return found


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the sample below which `share` (0 to 1) of the samples lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def command(*arguments: str) -> Callable[[], object]:
    """Return a call that runs this Python with arguments, as `output` does."""
    return lambda: output(*arguments)


def output(*arguments: str) -> str:
    """Run this Python with arguments and return what it prints; a failure stops the benchmark and says why."""
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def resident_bytes() -> int:
    """Return the memory this process holds (VmRSS)."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def write_synced(folder: str, files: Sequence[tuple[str, bytes]]) -> None:
    """Write files by hand as safely as ledger does: temporary name, fsync, rename, fsync of the folder, one by one."""
    os.mkdir(folder)
    for name, data in files:
        temporary = os.path.join(folder, ".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        os.write(descriptor, data)
        os.fsync(descriptor)
        os.close(descriptor)
        os.rename(temporary, os.path.join(folder, name))
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)


def read_folder(folder: str) -> list[tuple[str, bytes]]:
    """Return the names and bytes of a folder's files, by name."""
    found = []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            found.append((name, file.read()))
    return found
