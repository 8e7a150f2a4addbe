"""How a run begins: opened anew, joined (LEDGER_RUN), or resumed as a new attempt."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ledger.errors import InvalidValue, warn
from ledger.format import entries as form
from ledger.format import ids, layout, names, values
from ledger.git import worktree
from ledger.record import annotations, pictures, provenance, seal, standing
from ledger.record.calls import ChartCall, RowsCall, check_params, check_prose, plain
from ledger.record.redact import redact_argv
from ledger.record.run import Run
from ledger.store import entries, fold, journal, writer
from ledger.store.state import RunState
from ledger.store.tree import Tree
from ledger.store.writer import now_us

RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")  # torchrun, Slurm, Open MPI, MPICH
UNNAMED = "LEDGER_RUN_UNNAMED"  # the run that `ledger run` named after its program, for want of a better name


class Checkout(NamedTuple):
    """A commit that is checked out for a program: what the run's `git` says, and the program's folder in it."""

    git: dict[str, Any]
    folder: str


def rank() -> int:
    """Return which of the processes of one job this is, by the first of RANKS that says so; 0 where none does."""
    for variable in RANKS:
        text = os.environ.get(variable, "")
        if text.isascii() and text.isdigit():
            return int(text[:9])
    return 0


@contextmanager
def _withdrawn_if_it_fails(run: Run) -> Iterator[None]:
    """Take a run back that cannot be begun: nothing of it is left to be closed later."""
    try:
        yield
    except BaseException:
        run.withdraw()
        raise


def prepare(tree: Tree) -> bool:
    """Make the ledger if it is new, and warn if git would leave it out; say whether it is new."""
    new = tree.prepare()
    if new:
        warn_ignored(tree)
    return new


def ignored(tree: Tree) -> bool:
    """Say whether git's ignore rules would leave the ledger out of commits."""
    probes = [
        f"{layout.FOLDER}/runs/2000-01-01/r/0.parquet",
        f"{layout.FOLDER}/blobs/00/0.png",
        f"{layout.FOLDER}/README.md",
    ]
    if os.path.basename(tree.root) != layout.FOLDER:
        return False
    return bool(worktree.ignored(tree.top, probes))


def warn_ignored(tree: Tree) -> None:
    """Warn where git's ignore rules would leave the ledger out of commits."""
    if ignored(tree):
        warn(
            f"git ignores {tree.root}, so results will not be committed. Remove the rule for .ledger from "
            ".gitignore (see: git check-ignore -v .ledger/README.md)"
        )


def encode_open(
    tree: Tree,
    name: str,
    *,
    params: Any = None,
    tags: Sequence[str] = (),
    group: str | None = None,
    parent: str | None = None,
    seed: int | None = None,
    note: str | None = None,
    program: Sequence[str] | None = None,
    checkout: Checkout | None = None,
) -> tuple[form.Open, form.Encoded]:
    """Return the `open` entry of a new run, with where it came from, and its bytes. Nothing is written.

    `program` is the command line of a program that runs in our place, `checkout` where it does, if not here.
    """
    names.check_run_name(name)
    if isinstance(tags, str):
        raise InvalidValue(f"tags must be a list of texts, not the text {tags!r}", hint=f"tags=[{tags!r}]")
    for tag in tags:
        names.check_text("tag", tag)
    if group is not None:
        names.check_text("group", group)
    try:
        values.to_step(seed)
    except InvalidValue:
        raise InvalidValue(f"seed must be a whole number within 2^62, not {seed!r}") from None
    note = check_prose("note", note)
    time = now_us()
    source = provenance.collect(tree.top, tree.root, checkout.git if checkout else None)
    started: dict[str, Any] = {} if program is None else {"argv": command_line(program)}
    if checkout is not None:
        started["folder"] = checkout.folder
    run = ids.make_run_id(time, name, os.urandom(6))
    entry = form.Open(
        **form.header("open", run, time, source.author, []),
        name=name,
        group=group,
        parent=parent,
        params=check_params(params),
        tags=sorted(set(tags)),
        seed=None if seed is None else int(seed),
        note=note,
        git=source.git,
        program=source.program | started,
    )
    return entry, form.encode(entry)


def start(tree: Tree, name: str | None, **given: Any) -> Run:
    """Open a new run that this process owns. Takes what `encode_open` takes."""
    entry, encoded = encode_open(tree, default_name() if name is None else name, **given)
    prepare(tree)
    more: dict[str, Any] = {"opened": encoded, "branch": _branch(entry.git), "rank": rank()}
    run = Run(tree, entry.run, entry.name, entry.author, since=entry.time_us, **more)
    with _withdrawn_if_it_fails(run):
        entries.write_encoded(tree, entry.run, encoded.name, encoded.data)
    return run


def _branch(state: dict[str, Any] | None) -> str | None:
    return None if state is None else state.get("branch")


def start_shared(tree: Tree, name: str, **given: Any) -> str:
    """Open a new run that no process holds (`ledger start`); return its id."""
    entry, encoded = encode_open(tree, name, **given)
    prepare(tree)
    header = writer.new_header(entry.run, 1, owner=True, shared=True, opened=encoded)
    writer.Writer(tree, header, since=entry.time_us).close()
    entries.write_encoded(tree, entry.run, encoded.name, encoded.data)
    return entry.run


def create_closed(
    tree: Tree,
    name: str,
    rows: list[RowsCall],
    charts: list[ChartCall],
    **given: Any,
) -> str:
    """Make a run of these rows, closed at once (`ledger log --run NEW`); return its id."""
    entry, encoded = encode_open(tree, name, **given)
    prepare(tree)
    pictured = [pictures.store(tree, *chart) for chart in charts]
    run = Run(tree, entry.run, entry.name, entry.author, since=entry.time_us, opened=encoded)
    with _withdrawn_if_it_fails(run):
        entries.write_encoded(tree, entry.run, encoded.name, encoded.data)
    for call in rows:
        run._writer.rows(call.step, call.context, plain(call.values))
    for fields in pictured:
        run._writer.bundle([], [fields])
    run.finish()
    return entry.run


def join(tree: Tree, run: str, name: str | None, **given: Any) -> Run:
    """Join a run that somebody else opened (LEDGER_RUN): adds what it lacks, never closes it.

    Takes what `encode_open` takes. Params and tags are added; group, parent, seed and note are set where the run has
    none, and so is the name where `ledger run` had none to give; another one is ignored with a warning.
    """
    standing.refuse_retracted(tree, run)
    state = fold.fold(tree, run)
    renames = os.environ.get(UNNAMED) == run
    operations = _additions(state, None if renames else name, given, f"LEDGER_RUN is set: joined {run}")
    if renames and name is not None and name != state.name:
        operations.append(annotations.set_operation("name", names.check_run_name(name)))
    author = provenance.author(tree.top)
    since, attempt = standing.newest_time(tree, run), standing.attempt_of(tree, run)
    joined = Run(tree, run, state.name, author, attempt=attempt, owner=False, since=since, rank=rank())
    with _withdrawn_if_it_fails(joined):
        annotations.annotate(tree, run, operations, author)
    return joined


def _additions(state: RunState, name: str | None, given: dict[str, Any], what: str) -> list[form.Operation]:
    """Return the operations that add to a run what it lacks, after a warning for what it has otherwise."""
    tags = list(given.pop("tags", ()))
    for tag in tags:
        names.check_text("tag", tag)
    operations = annotations.param_operations(check_params(given.pop("params", None)))
    operations += annotations.tag_operations(tags)
    given = {**given, "note": check_prose("note", given.get("note"))}
    for key, value in {"name": name, **given}.items():
        there = getattr(state, key)
        if value is not None and there is None:
            operations.append(annotations.set_operation(key, value))
        elif value is not None and value != there:
            warn(f"{what}, which has the {key} {there!r}; {value!r} is ignored")
    return operations


def resume(tree: Tree, run: str, name: str | None, *, step: int | None = None, **given: Any) -> Run:
    """Begin a new attempt of a run; what a dead process left is sealed first, and running ones are refused.

    Takes what `encode_open` takes, and adds it as `join` does.
    """
    standing.refuse_retracted(tree, run)
    step = values.to_step(step)
    found = journal.presence(tree, run)
    if found.held:
        raise InvalidValue(
            f"the run {run} is running: a process holds its journal",
            hint=f"wait for it, or join it: LEDGER_RUN={run}",
        )
    state = fold.fold(tree, run)
    operations = _additions(state, name, given, f"resumed {run}")
    source = provenance.collect(tree.top, tree.root)
    number = standing.attempt_of(tree, run) + 1
    more: dict[str, Any] = {"attempt": number, "branch": _branch(source.git), "rank": rank()}
    # The journal first: a run that is open again, or was never closed, always has one that tells who left it.
    resumed = Run(tree, run, state.name, source.author, since=standing.newest_time(tree, run), **more)
    with _withdrawn_if_it_fails(resumed):
        taken = [item for path in [*found.left, *found.shared] if (item := seal.take(tree, path)) is not None]
        if taken:
            seal.seal(tree, run, taken, source.author)
        before = entries.read_all(tree, layout.run_folder(run), run).read
        time = max(now_us(), standing.newest_time(tree, run) + 1)
        header = form.header("resume", run, time, source.author, entries.heads(before))
        entries.write(tree, form.Resume(**header, attempt=number, step=step, git=source.git, program=source.program))
        resumed.begin_after(time)
        annotations.annotate(tree, run, operations, source.author)
    return resumed


def command_line(program: Sequence[str]) -> list[str]:
    """Return a command line as a run keeps it: as text, secrets redacted."""
    return redact_argv([as_text(word) for word in program])


def as_text(word: str) -> str:
    """Return a word of a command line as text: a byte that was none is written as an escape."""
    return word.encode("utf-8", "backslashreplace").decode()


def default_name() -> str:
    """Return what a run is called when nobody named it: the script's name."""
    script = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    return script if script and script not in ("-", "-c", "__main__") and not script.startswith("ipykernel") else "run"
