"""Every kind of file of a ledger, damaged in every way: no reader fails, none shows a number that nobody logged, what
is missing is said, other runs are answered in full, and `ledger verify` finds it. With a warm catalog and a cold one.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

import ledger
from ledger import api
from ledger.errors import LedgerError
from ledger.format import entries as form
from ledger.format.names import canonical_context, metric_key

SCHEMA = '[metric."loss"]\ngoal = "minimize"\ntolerance = 0.5\n'
ENTRY, JOURNAL = ".ledger/runs/*/{run}/*-%s-*.json", ".ledger/journal/{run}/*.journal"


class Kind(NamedTuple):
    """Files of one kind: whose they are, where they lie, which of them is damaged; where another one of the kind is."""

    run: str | None
    pattern: str
    place: int = 0
    twin: str | None = None


KINDS = {
    "readme": Kind(None, ".ledger/README.md", twin=".ledger/.gitignore"),
    "gitignore": Kind(None, ".ledger/.gitignore", twin=".ledger/.gitattributes"),
    "gitattributes": Kind(None, ".ledger/.gitattributes", twin=".ledger/.gitignore"),
    "schema": Kind(None, ".ledger-schema", twin="other-schema"),
    "entry open": Kind("second", ENTRY % "open", twin="first"),
    "entry rows": Kind("second", ENTRY % "rows", twin="first"),
    "entry rows, late": Kind("second", ENTRY % "rows", 1, twin="first"),
    "entry close": Kind("second", ENTRY % "close", twin="first"),
    "entry annotate": Kind("second", ENTRY % "annotate", twin="first"),
    "entry retract": Kind("second", ENTRY % "retract", twin="first"),
    "entry retract, restoring": Kind("second", ENTRY % "retract", 1, twin="first"),
    "entry resume": Kind("second", ENTRY % "resume", twin="first"),
    "entry that none followed": Kind("second", ENTRY % "*", -1, twin="first"),
    "segment": Kind("second", ".ledger/runs/*/{run}/*.parquet", twin="first"),
    "blob of a chart": Kind("second", ".ledger/blobs/*/{chart}.txt", twin="first"),
    "blob of more charts": Kind("second", ".ledger/blobs/*/{listed}.json", twin="first"),
    "journal of a dead process": Kind("dead", JOURNAL, twin="live"),
    "journal of a live process": Kind("live", JOURNAL, twin="shell"),
    "journal of the shell": Kind("shell", JOURNAL, twin="dead"),
    "journal/.gitignore": Kind(None, ".ledger/journal/.gitignore", twin=".ledger/.gitignore"),
    "sealed journal": Kind(None, ".ledger/journal/sealed/*.journal", twin=".ledger/journal/sealed/*.journal"),
    "catalog": Kind(None, "cache/*.sqlite", twin="other/*.sqlite"),
}


def cut(size: Callable[[int], int]) -> Callable[[Path], None]:
    """Return what leaves only so many bytes of a file."""
    return lambda path: os.truncate(path, size(path.stat().st_size))


def flip(place: Callable[[int], int], bit: int) -> Callable[[Path], None]:
    """Return what turns one bit of a file over."""

    def turn(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[place(len(data))] ^= 1 << bit
        path.write_bytes(data)

    return turn


def make_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "deleted": Path.unlink,
    "emptied": cut(lambda size: 0),
    "cut to a byte": cut(lambda size: 1),
    "cut in half": cut(lambda size: size // 2),
    "cut by a byte": cut(lambda size: size - 1),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "first bit": flip(lambda size: 0, 0),
    "middle bit": flip(lambda size: size // 2, 3),
    "last bit": flip(lambda size: size - 1, 7),
    "of another run": lambda path: None,  # see `damage`
    "of another kind": lambda path: None,
    "folder": make_folder,
    "unreadable": lambda path: path.chmod(0),
}
LIKE_A_CRASH = ("deleted", "emptied", "cut*", "zeros", "last bit")

# What `ledger verify` does not call damage: kinds, damages, and why.
NO_DAMAGE = [
    ("catalog", ("*",), "derived, and not in the ledger"),
    ("schema", ("*",), "people write it, so no hash is known: every verb says what is wrong with it"),
    ("readme", ("[!u]*",), "a notice: `ledger repair` writes the constant text again"),
    ("*git*", ("[!u]*",), "a notice: `ledger repair` writes the constant text again"),
    ("sealed journal", ("*",), "its rows are sealed: it is kept for a day, and no reader looks at it"),
    ("entry *", ("deleted",), "a notice: git lets a deletion win, and entries that followed it tell of it"),
    ("segment", ("deleted",), "a notice: a ledger may be copied in part"),
    ("blob *", ("deleted",), "a notice: a ledger may be copied in part"),
    ("journal of *", LIKE_A_CRASH, "a crash leaves such a journal: what is behind the last whole frame was under way"),
]
# What no reader notices.
SILENT = [
    ("entry that none followed", ("deleted",), "nothing tells that it was ever there"),
    ("entry retract, restoring", ("deleted",), "the run is out of view, as its removal says"),
    ("journal of *", LIKE_A_CRASH, "as above"),
    ("journal of *", ("unreadable",), "its rows are remembered; that nobody holds it cannot be seen: the run is open"),
]
CASES = [(kind, damage) for kind in KINDS for damage in DAMAGES]
QUICK = [(kind, list(DAMAGES)[5 * number % len(DAMAGES)]) for number, kind in enumerate(KINDS)]


def listed(table: list[tuple[str, tuple[str, ...], str]], kind: str, damage: str) -> bool:
    """Say whether a table has this case."""
    return any(fnmatchcase(kind, k) and any(fnmatchcase(damage, d) for d in ds) for k, ds, _ in table)


class Answer(NamedTuple):
    """What a verb said: its exit code, its notices, what it says of each run, and the numbers among that."""

    code: int
    err: str
    runs: dict[str, Any]
    numbers: list[tuple[Any, ...]]


class Sound(NamedTuple):
    """An undamaged ledger: its folder, what stands in the patterns of `KINDS` by run, what was logged (run, metric,
    step, value), the bytes of a chart of each run, what every verb answers, and how much was asked.
    """

    folder: Path
    words: dict[str, dict[str, str]]
    rows: set[tuple[Any, ...]]
    charts: dict[str, bytes]
    answers: dict[tuple[str, ...], Answer]
    asked: list[int]

    def log(self, run: Any, metrics: dict[str, float], step: int | None, **context: Any) -> None:
        """Log to a run, and note it beside the product: with its step, and without as `compare` shows it."""
        run.log(metrics, step=step, **({"context": context} if context else {}))
        self.note(run.id, metrics, step, **context)

    def note(self, run: str, metrics: dict[str, float], step: int | None, **context: Any) -> None:
        """Note what is logged."""
        for name, value in metrics.items():
            key = metric_key(name, canonical_context(context))
            self.rows.update({(run, key, step, text(value)), (run, key, text(value))})

    def live(self, name: str, first: float) -> None:
        """Live the life of a run with every kind of entry: no value is one of another run, metric or step."""
        run = ledger.start(name, params={"lr": first})
        for step in range(6):
            self.log(run, {"loss": first + step, "odd": float("nan") if step == 3 else -first - step}, step)
            self.log(run, {"val/auc": first + 50 + step}, step, fold=1)
        for step in range(4):
            run.log_text("note", f"note {step} of {name}", step)
        self.charts[run.id] = f"summary of {name}".encode()
        run.log_text("summary", f"summary of {name}")
        run.finish()
        found = ledger.open()
        self.log(found.run(run.id), {"late": first + 0.5}, None)
        found.tag(run.id, "star")
        found.remove(run.id)
        found.restore(run.id)
        again = ledger.start(resume=run.id)
        for step in range(4, 9):
            self.log(again, {"loss": first + 100 + step}, step)
        again.finish("failed")
        found.tag(run.id, "last")
        sha256 = hashlib.sha256(self.charts[run.id]).hexdigest()
        self.words[name] = {"run": run.id, "chart": sha256}
        entry = json.loads(find(self.folder, KINDS["entry rows"], self.words[name]).read_bytes())
        self.words[name]["listed"] = entry["more_charts"]["blob"]


def text(value: Any) -> str:
    """Return a value as JSON documents write it, or as Python has it: one text for one value."""
    return value if isinstance(value, str) else "NaN" if value != value else repr(float(value))


def find(folder: Path, kind: Kind, words: dict[str, str]) -> Path:
    """Return the file of a kind in a ledger."""
    return sorted(folder.glob(kind.pattern.format(**words)))[kind.place]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sound]:
    """Make a ledger with files of every kind; nobody wrote to it for an hour."""
    made = Sound(tmp_path_factory.mktemp("sound") / "made", {}, set(), {}, {}, [0, 0])
    made.folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(form, "CHARTS_MAX", 2)
        patch.chdir(made.folder)
        Path(".ledger-schema").write_text(SCHEMA)
        made.live("first", 1000.0)
        made.live("second", 2000.0)
        made.words["shell"] = {"run": api.start_shared("shell")}
        for step in range(6):
            ledger.open().log(made.words["shell"]["run"], [api.Call({"loss": 3000.0 + step}, step)])
            made.note(made.words["shell"]["run"], {"loss": 3000.0 + step}, step)
        with ledger.start("live") as ended:
            made.log(ended, {"loss": 4000.0}, 0)
        runs = {"dead": ledger.start("dead"), "live": ledger.start(resume=ended.id)}
        for name, run in runs.items():
            made.words[name] = {"run": run.id}
            for step in range(1, 7):
                made.log(run, {"loss": 5000.0 + 100 * len(made.words) + step}, step)
        sound = made._replace(folder=made.folder.with_name("sound"))
        shutil.copytree(made.folder, sound.folder)
        for run in runs.values():
            run.finish()
    for path in sound.folder.rglob("*"):
        os.utime(path, (time.time() - 3600,) * 2)
    yield sound
    print(f"\ndamage cases: {sound.asked[0]}, with a cold catalog and a warm one; questions asked: {sound.asked[1]}")


@pytest.fixture
def answers(sound: Sound, cli: Callable[..., Any], tmp_path: Path) -> dict[tuple[str, ...], Answer]:
    """Ask the undamaged ledger everything, once."""
    if not sound.answers:
        with work_in(sound, tmp_path / "undamaged"):
            sound.answers.update({verb: ask(cli, *verb) for name in sound.words for verb in verbs(sound, name)})
            assert cli("verify", "--rows").code == 0
    return sound.answers


@contextlib.contextmanager
def work_in(sound: Sound, folder: Path) -> Iterator[Path]:
    """Work in a copy of the ledger, with a cache of its own, while somebody holds the journal of the live run."""
    shutil.copytree(sound.folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEDGER_CACHE_DIR", str(folder / "cache"))
        patch.chdir(folder)
        with find(folder, KINDS["journal of a live process"], sound.words["live"]).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield folder
    shutil.rmtree(folder)


def damage(sound: Sound, folder: Path, kind: Kind, how: str) -> None:
    """Damage a file of a kind."""
    target = find(folder, kind, sound.words.get(kind.run or "", {}))
    if how == "of another run" and kind.run is None:  # the last one where its own pattern fits
        if kind.twin == "other-schema":
            (folder / kind.twin).write_text('[metric."val/*"]\ngoal = "maximize"\n')
        elif kind.twin == "other/*.sqlite":
            (folder / "other").mkdir()
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("LEDGER_CACHE_DIR", str(folder / "other"))
                shutil.copytree(sound.folder, folder / "more")
                shutil.rmtree(next((folder / "more").glob(f".ledger/runs/*/{sound.words['second']['run']}")))
                ledger.open("more").select()
        target.write_bytes(sorted(folder.glob(kind.twin or ""))[-1].read_bytes())
    elif how == "of another run":
        target.write_bytes(find(folder, kind, sound.words[kind.twin or ""]).read_bytes())
    elif how == "of another kind":
        other = ".ledger/blobs/*/*.txt" if target.suffix == ".parquet" else ".ledger/runs/*/*/*.parquet"
        target.write_bytes(next(folder.glob(other)).read_bytes())
    else:
        DAMAGES[how](target)


@contextlib.contextmanager
def no_privilege() -> Iterator[None]:
    """Let the modes of files count for root too: give up what lets it read everything, for a while."""
    if os.getuid():
        yield
        return
    libc, header, sets = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    had, sets[0] = sets[0], sets[0] & ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if not had or libc.capset(header, sets):
        pytest.skip("root may read everything here")
    try:
        yield
    finally:
        sets[0] = had
        assert libc.capset(header, sets) == 0


def verbs(sound: Sound, name: str) -> list[tuple[str, ...]]:
    """Return every reading verb: of all runs, of this run and of another, as JSON and as text."""
    run = sound.words[name]["run"]
    other = sound.words["first"]["run"]
    third = sound.words["shell" if name != "shell" else "live"]["run"]
    found: list[tuple[str, ...]] = [("ls",), ("ls", "--removed"), ("compare", "--all"), ("status",), ("schema",)]
    found += [(verb, one) for verb in ("show", "charts") for one in (run, other)]
    found += [("diff", run, third), ("diff", other, sound.words["dead" if name != "dead" else "second"]["run"])]
    found = [words for verb in found for words in (verb, (*verb, "--json"))]
    for one in ((), (run,), (other,)):
        found += [("export", *one), ("metrics", *one)]
    found += [("charts", run, "summary", "-o", "-"), ("charts", other, "summary", "-o", "-")]
    return [*found, ("export", "--format", "csv"), ("export", "--format", "parquet"), ("runs",)]


def ask(cli: Callable[..., Any], *verb: str) -> Answer:
    """Ask one thing, by the command line or by Python."""
    result = ask_python(*verb) if verb[0] in ("metrics", "runs") else cli(*verb)
    if verb[-1] == "-":
        return Answer(result.code, result.err, {verb[1]: result.data} if result.data else {}, [])
    if verb[0] in ("metrics", "export", "runs") and "--format" not in verb:
        rows = [json.loads(line) for line in result.out.splitlines()]
        return Answer(result.code, result.err, *(read_rows(rows) if verb[0] != "runs" else read("runs", rows)))
    if result.out and verb[-1] == "--json":
        return Answer(result.code, result.err, *read(verb[0], json.loads(result.out)))
    return Answer(result.code, result.err, {}, [])


def ask_python(what: str, *runs: str) -> Any:
    """Ask for a frame of rows, or of runs; return it as a command would, a row a line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        code, out = 0, ""
        try:
            found = ledger.open()
            frame = found.runs() if what == "runs" else found.run(runs[0]).metrics() if runs else found.metrics()
            rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
            out = "\n".join(json.dumps(row, default=str) for row in rows)
        except (LedgerError, PermissionError) as error:
            code = getattr(error, "exit_code", 74)
            warnings.warn(str(error), stacklevel=1)
    return SimpleNamespace(code=code, out=out, err="\n".join(str(warning.message) for warning in caught))


def read_rows(rows: list[dict[str, Any]]) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Read exported rows, or a frame of them."""
    runs: dict[str, Any] = {}
    numbers: list[tuple[Any, ...]] = []
    for row in rows:
        context = row.get("context")
        context = context if isinstance(context, str) else canonical_context(context)
        value = "NaN" if row["value"] is None else text(row["value"])
        numbers.append((row["run"], metric_key(row["metric"], context), row.get("step"), value))
        runs.setdefault(row["run"], []).append(row)
    return runs, numbers


def read(verb: str, document: Any) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Read a JSON document: what it says of each run, and the numbers in it."""
    numbers: list[tuple[Any, ...]] = []
    if verb in ("ls", "show"):
        runs = {run["id"]: run for run in document.get("runs", [document])}
        numbers += [
            (id, key, summary.get(f"{name}_step"), text(summary[name]))
            for id, run in runs.items()
            for key, summary in run["metrics"].items()
            for name in ("first", "last", "min", "max")
            if summary.get(name) is not None
        ]
        return runs, numbers
    if verb in ("compare", "diff"):
        if verb == "compare":
            ids = [run["id"] for run in document["runs"]]
            numbers += [(run, m["name"], text(v)) for m in document["metrics"] for run, v in m["values"].items()]
        else:
            sides = {"old": document["a"]["id"], "new": document["b"]["id"]}
            ids = list(sides.values())
            found = document["metrics"].items()
            numbers += [(run, key, text(m[side])) for key, m in found for side, run in sides.items() if side in m]
        return {id: [number for number in numbers if number[0] == id] for id in ids}, numbers
    if verb == "charts":
        return {document["id"]: document["charts"]}, []
    if verb == "status":  # the empty name stands for all runs: one that is not counted is missed
        return {run["id"]: run["status"] for run in document["unclosed"]} | {"": sum(document["runs"].values())}, []
    return {row["id"]: row for row in document} if verb == "runs" else {}, []


def test_an_undamaged_ledger_is_answered_in_full(sound: Sound, answers: dict[tuple[str, ...], Answer]) -> None:
    """What the cases are held to is right: every verb answers, every row that was logged is exported, all is sound."""
    refused = [verb for verb, answer in answers.items() if answer.code]
    assert [verb for verb in refused if verb[0] != "charts" or verb[1] in sound.charts] == []  # the others have none
    assert [n for answer in answers.values() for n in answer.numbers if n not in sound.rows] == []
    replaced = {(run["run"], "loss", step) for run in sound.words.values() for step in (4, 5) if "chart" in run}
    stored = {row for row in sound.rows if len(row) == 4}
    exported = set(answers["export",].numbers)
    assert {row[:3] for row in stored - exported} == replaced
    assert exported == set(answers["metrics",].numbers)
    for run, data in sound.charts.items():
        assert answers["charts", run, "summary", "-o", "-"].runs == {run: data}


@pytest.mark.parametrize(
    ("kind", "how"), [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES]
)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_no_damage_goes_unnoticed(
    sound: Sound,
    answers: dict[tuple[str, ...], Answer],
    cli: Callable[..., Any],
    tmp_path: Path,
    kind: str,
    how: str,
    warm: bool,
) -> None:
    """Readers answer as before or say what they miss, by exit code or notice, and `verify` says what is damage."""
    files = KINDS[kind]
    if kind == "catalog" and not warm:
        return
    name = files.run or "second"
    run = sound.words[name]["run"]
    with work_in(sound, tmp_path / "work") as folder:
        if warm:
            assert cli("ls").code == 0
        damage(sound, folder, files, how)
        with no_privilege() if how == "unreadable" else contextlib.nullcontext():
            found = {verb: ask(cli, *verb) for verb in verbs(sound, name)}
            reports = [cli("verify", "--json", *more) for more in ((), ("--rows",), ("--fast",))]
    for verb, answer in found.items():
        problem = (verb, answer)
        known = answers[verb]
        assert "Traceback" not in answer.err, problem
        assert answer.code in (0, 2, 4, 5) or (answer.code == 74 and how == "unreadable"), problem
        assert answer.code == 0 or answer.err, problem
        assert answer.code == found.get((*verb, "--json"), answer).code or kind == "schema", problem
        assert [number for number in answer.numbers if number not in sound.rows] == [], problem
        if files.run is None:
            refused = kind == "schema" and answer.code
            assert refused or answer.runs == known.runs, problem
            assert refused or answer.code == known.code, problem
            continue
        mine = {id for id in known.runs if id in (run, "")} if run not in verb or answer.code == 0 else set(known.runs)
        assert [id for id in known.runs if id not in mine and answer.runs.get(id) != known.runs[id]] == [], problem
        if any(answer.runs.get(id) != known.runs[id] for id in mine) and not listed(SILENT, kind, how):
            assert answer.code in (5, 74) or run in answer.err or "left out" in answer.err, problem
    expected = 0 if listed(NO_DAMAGE, kind, how) else 5
    assert [report.code for report in reports[:2]] == [expected] * 2, reports
    assert reports[2].code in (0, expected), reports
    sound.asked[0] += warm
    sound.asked[1] += len(found) + len(reports)
