"""Nothing that a stranger wrote steers the terminal, here a real pseudo-terminal; CSV comes back as it was."""

import contextlib
import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import tty
import unicodedata
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import ledger
from ledger import cli as command_line
from ledger.errors import LedgerWarning

# An OSC title, an OSC 8 link, CSI, C1, BEL, BS, CR, DEL, NUL, bidi and RTL marks, zero width, line ends, a tag.
EVIL = (
    "\x1b]0;t\x07\x1b]8;;http://e\x1b\\x\x1b]8;;\x1b\\\x1b[31m\x1b[2J\x9b31m\x9d0;t\x9c\x07\b\r\x7f\x00"
    "\u202e\u2066\u200f\u061c\u200b\ufeff\u00ad\u2028\u2029\n\x85\U000e0041x"
)
COLOURS = re.compile("\x1b\\[(?:0|1|2|31|32|33)m")


@contextlib.contextmanager
def terminal(columns: int = 100) -> Iterator[tuple[int, list[bytes]]]:
    """Open a pseudo-terminal that alters nothing; yield its descriptor and what was written to it so far."""
    outer, inner = pty.openpty()
    tty.setraw(inner)
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    said: list[bytes] = []

    def listen() -> None:
        with contextlib.suppress(OSError):  # the other end was closed
            while data := os.read(outer, 1 << 16):
                said.append(data)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield inner, said
    finally:
        os.close(inner)
        thread.join(10)
        os.close(outer)


def show(*arguments: str, color: str = "never") -> tuple[int, str]:
    """Run a command line in this process, its stdout and stderr a terminal; return its code and all that it wrote."""
    with (
        terminal() as (inner, said),
        open(os.dup(inner), "w", encoding="utf-8", newline="\n") as stream,
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
        warnings.catch_warnings(),
    ):
        assert stream.isatty()
        warnings.simplefilter("always", LedgerWarning)
        warnings.showwarning = command_line._show_warning
        code = command_line._run(["--color", color, *arguments])
    return code, b"".join(said).decode("utf-8", "strict")


def unsafe(text: str) -> list[str]:
    """Return what may steer a terminal or reorder its text, line ends and shaping joiners left out."""
    steers = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return sorted({c for c in text if unicodedata.category(c) in steers and c not in "\n\u200c\u200d"})


@pytest.fixture
def evil(site: Any) -> Any:
    """Fill the victim with hostile texts, wherever a text may stand and the run is read all the same."""
    sound = {"time": "2020-01-01T00:00:00.000000Z", "author": EVIL}
    site.put(
        site.fields("open", name=EVIL, group=EVIL, parent=EVIL, params={EVIL: EVIL, "n": {EVIL: [EVIL]}}, tags=[EVIL],
                    note=EVIL, git={"commit": EVIL, "branch": EVIL, "dirty": True, "remotes": {EVIL: EVIL}},
                    program={"argv": [EVIL], "python": EVIL, "host": EVIL, "versions": {EVIL: EVIL}}) | sound
    )  # fmt: skip
    site.put(
        site.fields(
            "annotate", author=EVIL, reason=EVIL,
            operations=[{"op": "set", "key": "params." + EVIL[:90], "value": EVIL}, {"op": "add", "key": EVIL},
                        {"op": "set", "key": "note", "value": EVIL}],
        )
    )  # fmt: skip
    site.put(site.fields("annotate", author="x", operations=[{"op": "set", "key": "note", "value": EVIL + "2"}]))
    site.put(site.fields("rows", reason=EVIL, charts=[site.chart("c", caption=EVIL, media_type=EVIL, writer=EVIL)],
                         predictions=[{"rows": 1, "labels": [EVIL], "time": 1, "writer": EVIL, "seq": 9, "attempt": 1,
                                       "columns": {"y": {"blob": EVIL, "digest": EVIL, "dtype": EVIL}}}]))  # fmt: skip
    site.put(site.fields("close", status="failed", error=EVIL, time="2040-01-02T00:00:00.000000Z"))
    site.put(site.fields("vote"), "vote")
    (site.folder / (EVIL.replace("\0", "").replace("/", "") + ".txt")).write_bytes(b"x")
    (site.root / "runs" / "\x1b[31m\u202e").mkdir()
    return site


VERBS = [
    "ls", "ls -c id,name,note,tags,group,parent,author,branch,commit", "ls --csv", "ls --md", "ls --json",
    "show RUN", "show RUN --csv", "show RUN --md", "show RUN --json", "compare RUN good",
    "compare --all --all-params",
    "compare RUN good --csv", "compare RUN good --md", "diff RUN good --all", "diff good RUN --csv",
    "diff good RUN --md", "charts RUN", "charts RUN --csv", "charts RUN --md", "status", "verify --rows --secrets",
    "verify --json", "export", "export --format csv", "rm RUN -n", "tag RUN x -n", "finish --stale -n", "repair -n",
    "repair", "schema",
]  # fmt: skip


def test_no_verb_lets_a_text_steer_the_terminal(evil: Any) -> None:
    """Every hostile text is shown escaped, by every verb, on stdout and stderr."""
    escaped = 0
    for verb in VERBS:
        arguments = [evil.run if word == "RUN" else word for word in verb.split()]
        code, text = show(*arguments)
        assert code in (0, 1, 3, 5), (verb, code, text)
        if verb.startswith("verify"):  # the bar on stderr moves the cursor
            text = re.sub("\x1b\\[(?:\\?25[lh]|2K|1A|[0-9;]*m)|\r", "", text)
        assert unsafe(text) == [], (verb, unsafe(text))
        assert "Traceback" not in text
        escaped += r"\x1b[31m" in text or r"\u001b[31m" in text
    assert escaped >= 12


def test_colours_are_ours_alone(evil: Any) -> None:
    """With colours on, the codes on the terminal are the few of our tables."""
    for verb in ("ls", "show RUN", "compare RUN good --all-params", "diff RUN good --all", "charts RUN"):
        code, text = show(*[evil.run if word == "RUN" else word for word in verb.split()], color="always")
        assert code == 0
        assert COLOURS.search(text), verb
        assert unsafe(COLOURS.sub("", text)) == [], verb


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_exported_rows_are_exact_in_a_pipe_and_escaped_on_a_terminal(site: Any, form: str) -> None:
    """A reason, the one free text of a row, is given as it is to programs; on a terminal it cannot steer."""
    reason = EVIL.replace("\0", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEDGER_AUTHOR", EVIL.replace("\0", ""))
        ledger.open().run("good").log({"auc": ledger.Undefined(reason)})
    piped = site.cli("export", "--format", form)
    assert piped.code == 0
    if form == "csv":
        found = [row["undefined"] for row in csv.DictReader(io.StringIO(piped.out, newline=""))]
    else:
        found = [json.loads(text).get("undefined") for text in piped.out.split("\n") if text]
    assert reason in found
    code, text = show("export", "--format", form)
    assert (code, unsafe(text)) == (0, [])
    assert r"\u202e" in text


FORMULAS = ['=cmd|"/c calc"!A1', "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "=1\n=2", '"=1"', "a;=1", ",=1"]


def test_formulas_in_csv_stay_in_their_cells(site: Any) -> None:
    """A text that a spreadsheet would calculate comes back as it is, in one cell; it opens no second one."""
    operations = [{"op": "set", "key": f"params.p{i}", "value": text} for i, text in enumerate(FORMULAS)]
    operations += [{"op": "add", "key": text} for text in FORMULAS]
    site.put(site.fields("annotate", author="=1", operations=operations))
    columns = ",".join(f"params.p{i}" for i in range(len(FORMULAS)))
    out = site.cli("ls", "--csv", "-c", f"name,{columns}").out
    heading, *rows = csv.reader(io.StringIO(out, newline=""))
    assert {len(row) for row in rows} == {len(heading)} == {len(FORMULAS) + 1}
    assert ["victim", *FORMULAS] in rows
    for verb in (["ls"], ["show", site.run], ["compare", "--all", "--all-params"], ["diff", site.run, "good", "--all"],
                 ["charts", site.run], ["export", "--format"]):  # fmt: skip
        out = site.cli(*verb, "csv" if verb[0] == "export" else "--csv").out
        lines = list(csv.reader(io.StringIO(out, newline="")))
        assert len({len(line) for line in lines}) == 1, verb


@pytest.mark.slow
def test_a_shell_on_a_real_terminal(evil: Any) -> None:
    """The installed program, started on a terminal as a person does, writes nothing raw either."""
    for verb in (["ls"], ["show", evil.run], ["verify"], ["export"], ["show", EVIL.replace("\0", "")]):
        with terminal(80) as (inner, said):
            subprocess.run(
                [sys.executable, "-m", "ledger", *verb],
                stdin=inner,
                stdout=inner,
                stderr=inner,
                check=False,
                timeout=30,
            )
        text = re.sub("\x1b\\[(?:\\?25[lh]|2K|1A|[0-9;]*m)|\r", "", b"".join(said).decode())
        assert text
        assert unsafe(text) == [], verb
