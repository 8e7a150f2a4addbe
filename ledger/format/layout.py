"""Where things lie under `.ledger`: every path and file name, and the constant texts that protect the folder."""

from __future__ import annotations

from typing import NamedTuple

from ledger.errors import RESTORE, DamagedFile
from ledger.format.ids import day_of, is_digits, is_hex, is_run_id, stamp

FORMAT = 0  # becomes 1, and is frozen, when the first three milestones are closed
FOLDER = ".ledger"
SCHEMA_FILE = ".ledger-schema"
JOURNALS = "journal"
LOG = "log"

KINDS = ("open", "rows", "close", "annotate", "retract", "resume")
LOG_KINDS = ("labels", "retract")

README = """\
# .ledger

This folder holds experiment results: metric rows (Parquet), entries (JSON) and charts (blobs).
It is maintained by the program `ledger` (the Python package ledger-ml). Commit it beside the code.

- `runs/DAY/RUN/` one folder a run: `*.json` says what happened, `*.parquet` holds the metric rows.
- `log/DAY/` what is said of no single run, such as labels that came late.
- `blobs/` charts and files, each named by the sha256 of its bytes.
- `journal/` rows of runs in progress on this machine; git ignores it.

Files are written once and never changed, so branches merge without conflicts. Do not edit them:
`ledger log`, `ledger tag` and `ledger rm` add new files that correct the old ones.
Any Parquet reader can read the rows; with DuckDB: SELECT * FROM '.ledger/runs/*/*/*.parquet'.
"""

# `!*` and `!*/` undo rules of outer .gitignore files (`runs/`, `*.parquet`) that would drop results silently.
GITIGNORE = "!*\n!*/\n/journal/\n.tmp-*\n"
GITATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding -merge -export-subst -export-ignore\n"

CONSTANT_FILES = {"README.md": README, ".gitignore": GITIGNORE, ".gitattributes": GITATTRIBUTES}
# Written with the folder of journals, never committed: on a branch that has no ledger git takes GITIGNORE away, and
# leaves behind what it ignored.
LOCAL_FILES = {"journal/.gitignore": "*\n"}
FIXED_FILES = CONSTANT_FILES | LOCAL_FILES

# Extensions a blob may carry, because forges and editors show them, with the media type each stands for.
MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "pdf": "application/pdf",
    "html": "text/html",
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "toml": "application/toml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "parquet": "application/vnd.apache.parquet",
    "npy": "application/octet-stream",
    "npz": "application/zip",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "bin": "application/octet-stream",
}


class EntryName(NamedTuple):
    """What the file name of an entry says."""

    stamp: str
    kind: str
    id: str


def run_folder(run: str) -> str:
    """Return a run's folder, relative to `.ledger`."""
    return f"runs/{day_of(run)}/{run}"


def entry_name(time: int, kind: str, sha256: str) -> str:
    """Return the file name of an entry: its time, its kind, and the head of the sha256 of its bytes."""
    return f"{stamp(time)}-{kind}-{sha256[:16]}.json"


def log_folder(name: str) -> str:
    """Return the folder of an entry of the log by its file name, relative to `.ledger`: `log/2026-11-22`."""
    return f"{LOG}/{day_of(name)}"


def parse_entry_name(name: str) -> EntryName | None:
    """Read the file name of an entry, or return None if it is none."""
    # By hand, as in `ids.is_run_id`: this is done on every `ledger log`.
    stamp, middle, ending = name[:22], name[22:-5], name[-5:]
    kind, dash, id = middle[1:].rpartition("-")
    dashes = middle[:1] == dash == "-" and stamp[8:9] == stamp[15:16] == "-"
    if not (dashes and ending == ".json" and len(stamp) == 22 and is_digits(stamp[:8] + stamp[9:15] + stamp[16:])):
        return None
    if not (
        len(id) == 16 and is_hex(id) and kind.isascii() and kind.isalnum() and kind.islower() and kind[0].isalpha()
    ):
        return None
    return EntryName(stamp, kind, id)


def segment_name(sha256: str) -> str:
    """Return the file name of a segment within its run's folder; raises DamagedFile for what is no sha256."""
    _check_sha256(sha256)
    return f"{sha256[:16]}.parquet"


def parse_segment_name(name: str) -> str | None:
    """Return the sha16 in the file name of a segment, or None if it is none."""
    id, dot, extension = name.partition(".")
    return id if dot and extension == "parquet" and len(id) == 16 and is_hex(id) else None


def blob_path(sha256: str, extension: str) -> str:
    """Return the path of a blob, relative to `.ledger`; raises DamagedFile for what is no sha256 or extension."""
    _check_sha256(sha256)
    plain = extension.isascii() and extension.isalnum() and extension == extension.lower()
    if not (plain and 1 <= len(extension) <= 16):
        raise DamagedFile(f"{extension[:80]!r} is not the extension of a blob", hint=RESTORE)
    return f"blobs/{sha256[:2]}/{sha256}.{extension}"


def _check_sha256(sha256: str) -> None:
    # Entries are read from anywhere: a name in one must not lead out of the folder.
    if not (len(sha256) == 64 and is_hex(sha256)):
        raise DamagedFile(f"{sha256[:80]!r} is not a sha256 (64 hex digits)", hint=RESTORE)


def journal_folder(run: str) -> str:
    """Return the folder of a run's journals, relative to `.ledger`."""
    return f"journal/{run}"


def journal_path(run: str, writer: str) -> str:
    """Return the path of a writer's journal, relative to `.ledger`."""
    return f"journal/{run}/{writer}.journal"


def is_run_folder(name: str) -> bool:
    """Say whether a folder of this name holds a run."""
    return is_run_id(name)


def blob_extension(name: str) -> str:
    """Return the extension a blob takes from a file name: lower case, from the list, else `bin`."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return extension if extension in MEDIA_TYPES else "bin"
