"""Ids: how runs and writers are called. The caller brings the clock and the random bits.

A run id reads `20261122-031501-baseline-7f3a9c2e1b0d`: UTC second, slug of the name, 12 random hex digits.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

SLUG_MAX = 32
RANDOM_HEX = 12  # digits at the end of a run id
_SLUG = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_HEX = frozenset("0123456789abcdef")
_TIME = r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{6})Z"
_DAY_US = 86_400_000_000
TIME_MAX = 253_000_000_000_000_000  # in the year 9987: later ones leave no room for what follows them


def make_run_id(time: int, name: str, random: bytes) -> str:
    """Make a run id from microseconds since 1970 UTC, the run's name and 6 random bytes."""
    date, clock = _date_and_clock(time)
    return f"{date.replace('-', '')}-{clock}-{slug(name)}-{random.hex()}"


def is_run_id(text: str) -> bool:
    """Say whether the text has the shape of a whole run id."""
    # By hand, since compiling a pattern would cost every `ledger log` more than all of this.
    date, clock, rest = text[:8], text[9:15], text[16:]
    name, dash, random = rest[: -RANDOM_HEX - 1], rest[-RANDOM_HEX - 1 : -RANDOM_HEX], rest[-RANDOM_HEX:]
    return (
        len(clock) == 6
        and is_digits(date + clock)
        and text[8] == text[15:16] == dash == "-"
        and 1 <= len(name) <= SLUG_MAX
        and name[0] != "-"
        and _SLUG.issuperset(name)
        and len(random) == RANDOM_HEX
        and _HEX.issuperset(random)
    )


def is_digits(text: str) -> bool:
    """Say whether the text is made of the digits 0 to 9 alone."""
    return text.isascii() and text.isdigit()


def is_hex(text: str) -> bool:
    """Say whether the text is made of lower-case hexadecimal digits alone."""
    return bool(text) and _HEX.issuperset(text)


def day_of(run: str) -> str:
    """Return the day folder of a run id: `2026-11-22`."""
    return f"{run[0:4]}-{run[4:6]}-{run[6:8]}"


def slug(name: str) -> str:
    """Return the name reduced to [a-z0-9-], at most 32 characters, `run` if nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_MAX].strip("-") or "run"


def rfc3339(time: int) -> str:
    """Write microseconds since 1970 UTC as `2026-11-22T03:15:01.123456Z`."""
    date, clock = _date_and_clock(time)
    return f"{date}T{clock[:2]}:{clock[2:4]}:{clock[4:]}.{time % 1_000_000:06d}Z"


def stamp(time: int) -> str:
    """Write microseconds since 1970 UTC so that names sort by time: `20261122-031501-123456`."""
    date, clock = _date_and_clock(time)
    return f"{date.replace('-', '')}-{clock}-{time % 1_000_000:06d}"


@lru_cache(maxsize=4096)
def parse_rfc3339(text: str) -> int:
    """Read what `rfc3339` writes; raises ValueError for anything else."""
    m = re.fullmatch(_TIME, text)
    if not m:
        raise ValueError(f"not a time: {text!r}")
    y, mo, d, h, mi, s, us = (int(part) for part in m.groups())
    days = _days(y, mo, d)
    if _date(days) != text[:10] or h > 23 or mi > 59 or s > 59:  # 30 February is 2 March
        raise ValueError(f"not a time: {text!r}")
    return (days * 86_400 + h * 3600 + mi * 60 + s) * 1_000_000 + us


def parse_stamp(text: str) -> int:
    """Read what `stamp` writes; raises ValueError for anything else."""
    day, clock, us = text.split("-")
    return parse_rfc3339(f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}.{us}Z")


def _date_and_clock(time: int) -> tuple[str, str]:
    seconds = time % _DAY_US // 1_000_000
    return _date(time // _DAY_US), f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


@lru_cache(maxsize=64)
def _date(days: int) -> str:
    """Return the proleptic Gregorian date of a day number (days since 1970-01-01), without loading `datetime`.

    Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    """
    z = days + 719_468
    era = z // 146_097
    doe = z - era * 146_097
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return f"{yoe + era * 400 + (month <= 2):04d}-{month:02d}-{doy - (153 * mp + 2) // 5 + 1:02d}"


def _days(year: int, month: int, day: int) -> int:
    """Return the day number of a date: the inverse of `_date` (days_from_civil, same source)."""
    y = year - (month <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719_468
