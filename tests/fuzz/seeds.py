"""Valid inputs to begin from: the test vectors, and what is written here in a few lines; no vector is copied.

`mend` gives a damaged journal checksums that fit, so that what lies behind the checksums is reached too.
"""

import json
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from ledger.format import columns, entries, frame
from ledger.format.frame import HEAD, MAGIC, PREFIX_SIZE
from ledger.format.names import canonical_context, metric_key

VECTORS = Path(__file__).parents[1] / "data" / "vectors"
RUN = "20261122-031501-baseline-7f3a9c2e1b0d"
WRITER = "0a1b2c3d4e5f"
_SALT = 7

FILTERS = """
val/auc > 0.9 and params.lr < 1e-2 and not tag = 'draft'
best:val/auc{fold=1,kind="a b"} >= .5 or (min:"val auc" != inf)
created > 7d and finished <= 2026-11-01T09:30:00.5+02:00
params.opt."x y" in ('adam', "sgd", 3, true) or status not in ('failed')
name ~ '^b.*(a|e)+$' and note contains 'it''s'
loss is not undefined and group is absent or params.a = none
duration < 1.5h and params.a < params.b
`metrics.name` == nan and dirty = false
"""
SPECS = """
best:val/auc as AUC
val/auc{fold=1, kind="a, b"}
metrics."loss as metric" as `x ""y`
params.optimizer."l.r".x
-created
count:metrics.name
"""
LITERALS = """
-1.5e-3
+inf
nan
true
null
12.5h
2026-11-01
2026-11-01 09:30Z
9007199254740993
'(a|b)*c{2,3}[^d]'
"""
NAMES = """
val/auc
base line-2
val/auc{fold=1,kind="a, b",x=1.5,y=true}
größe
@1
"""
SELECTORS = """
@1
@02
base
20261122-031501-
7f3a9c2e1b0d
20261122-031501-baseline-7f3a9c2e1b0d
run:cv-1
cv-*
[bc]*-?
tag:cv
tag:*
best:val/auc
worst:val/auc{fold=1}
"""
GLOBS = """
**/loss\0val/loss
val/**\0val/a/b
*/a?c[a-z!]\0x/abcd
a/**/b[!x]/***\0a/c/d/by/z
mAP@[.5:.95]\0mAP@5
"""
SCHEMAS = [
    """format = 0
[metric."val/auc"]
goal = "maximize"
unit = "1"
description = "area under\\tthe curve"
range = [0, 1]
tolerance = 1e-6
relative_tolerance = 0
alias = ["val_auc", "mAP@[.5:.95]"]
[metric."**/loss"]
range = [-inf, inf]
[gate."val/auc{fold=1}"]
min = 0.8
max_drop = 0.01
min_runs = 3
required = true
baseline = "main"
[vitals."train/loss"]
window = 50
kind = 'spike'
[storage]
max_blob = "1.5 GiB"
warn_total = 1000
""",
    "metric.a = {goal = \"minimize\", alias = ['b', # c\n\"d\"]}\nmetric.'**'.unit = '''\ns'''\n",
    '[metric]\n"x".description = """\\\n  a "quote" """\n[vitals]\nl = {a = 0x1f, b = 1_000, c = nan, d = "t"}\n',
]


def lines(text: str) -> list[bytes]:
    """Return the lines of a list above as inputs."""
    return [line.encode() for line in text.split("\n") if line]


def vector(name: str) -> bytes:
    """Return the bytes of a vector."""
    return (VECTORS / name).read_bytes()


def entry_files() -> list[bytes]:
    """Return the entries of the vectors, of every kind and of unknown ones."""
    return [path.read_bytes() for path in sorted((VECTORS / "entries").iterdir())]


def charts() -> list[bytes]:
    """Return lists of charts as a blob holds them."""
    known = [data for data in entry_files() if b"must_understand" not in data]
    found = [entries.decode(data, "a vector") for data in known]
    lists = [entry.charts for entry in found if isinstance(entry, entries.Rows)]
    return [entries.encode_charts(listed) for listed in [*lists, []]]


def entry_names() -> list[bytes]:
    """Return names of files of every sort, times, and paths."""
    names = [path.name for path in sorted((VECTORS / "entries").iterdir())]
    sha256 = "0123456789abcdef" * 4
    more = [f"{sha256[:16]}.parquet", RUN, f"{sha256}png", "20261122-031501-123456", "2026-11-22T03:15:01.123456Z"]
    return [name.encode() for name in [*names, *more, "roc.PNG", "Base line ü"]]


def keys() -> list[bytes]:
    """Return names, keys and contexts, those of the vectors too."""
    listed = json.loads(vector("keys.json"))
    texts = [key for key in _texts(listed) if len(key) < 80]
    return [*lines(NAMES), *(text.encode() for text in texts if text.isprintable())]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        known = [metric_key("m", canonical_context(value["context"]))] if isinstance(value.get("context"), dict) else []
        return known + [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


@cache
def journals() -> list[bytes]:
    """Return the journal of the vectors, and one with a loop of alike calls, a chart and an undefined value."""
    header = frame.Header(0, RUN, WRITER, 1, "node1", "", 42, 5)
    payloads: list[Any] = [
        [frame.ROWS, 3 * i, 1000 + i, i, '{"fold":1}', {"loss": i / 8, "val/auc": 1.0}] for i in range(40)
    ]
    payloads += [
        [frame.ROWS, 200, 2000, None, None, {"loss": "only one class"}],
        [frame.ROWS, 2**40, 2**50, -5, None, {"a": float("nan"), "b": -0.0}],
        [frame.CHART, 300, 3000, {"name": "roc", "blob": "ab" * 32, "extension": "png", "media_type": "image/png",
                                  "bytes": 3}],
        [9, "of a later version"],
    ]  # fmt: skip
    written = b"".join(frame.encode_frame(frame.encode_payload(payload), _SALT) for payload in payloads)
    return [vector("journal.bin"), frame.encode_prefix(_SALT) + frame.encode_header(header, _SALT) + written]


def segments() -> list[bytes]:
    """Return the segment of the vectors, as it is stored and as this version writes it, and an empty one."""
    data = vector("segment.parquet")
    _, rows = columns.decode(data, "a vector")
    return [data, columns.encode(RUN, rows.sorted()), columns.encode(RUN, rows.take(slice(0, 0)))]


def mend(data: bytes) -> bytes:
    """Return a journal whose checksums, and lengths that lead beyond its end, are made to fit."""
    if len(data) < PREFIX_SIZE:
        return data
    mended = bytearray(data)
    mended[12:16] = struct.pack("<I", zlib.crc32(mended[:12]))
    salt = int.from_bytes(mended[8:12], "little")
    at = mended.find(MAGIC)
    while at >= 0 and at + HEAD.size < len(mended):
        size = int.from_bytes(mended[at + 4 : at + 8], "little")
        if size > len(mended) - at - HEAD.size:  # the next frame ends it
            end = mended.find(MAGIC, at + HEAD.size)
            size = (end if end >= 0 else len(mended)) - at - HEAD.size
        payload = bytes(mended[at + HEAD.size : at + HEAD.size + size])
        HEAD.pack_into(mended, at, MAGIC, size, zlib.crc32(payload, salt ^ size))
        at = mended.find(MAGIC, at + HEAD.size + size)
    return bytes(mended)
