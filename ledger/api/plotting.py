"""What `Ledger.plot` draws: each kind takes runs and options, and gives a `Plot`: its table, and its figure if asked.

A new kind is a function `(reading, runs, where, options) -> table` here, its line in KINDS, and its module that draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ledger.errors import NoSuchRun, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ledger.api.reading import Reading
    from ledger.store.state import RunState


class Table(Protocol):
    """What a kind plots: points as rows under headings, the same as JSON, and what is to be said of it."""

    @property
    def notices(self) -> list[str]:
        """What was left out, and why."""

    @property
    def headings(self) -> list[str]:
        """The columns of the points."""

    def rows(self) -> list[list[Any]]:
        """Return a row per point."""

    def to_json(self) -> dict[str, Any]:
        """Return the points as a JSON object."""


class Plot(NamedTuple):
    """One plot: its kind, and the table of what is drawn; figures and texts are made when asked for."""

    kind: str
    table: Any

    @property
    def notices(self) -> list[str]:
        """What was left out, and why."""
        found: list[str] = self.table.notices
        return found

    @property
    def headings(self) -> list[str]:
        """The columns of the points that are drawn."""
        found: list[str] = self.table.headings
        return found

    def rows(self) -> list[list[Any]]:
        """Return the points that are drawn, a row each."""
        found: list[list[Any]] = self.table.rows()
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the object of `ledger plot KIND --json`."""
        found: dict[str, Any] = self.table.to_json()
        return found

    def figure(self) -> Figure:
        """Return the matplotlib figure; it belongs to no window, and no display is needed."""
        from ledger.view.drawing import style

        with style.applied():
            drawn: Figure = _found(_kind(self.kind).draw)(self.table)
        return drawn

    def picture(self, form: str = "png") -> bytes:
        """Return the picture as bytes: `png`, `svg` or `pdf`; the same data gives the same bytes."""
        from ledger.view.drawing import style

        forms = _kind(self.kind).forms
        if form not in forms:
            what = f"as .{form}" if form else "to a file without an ending"
            raise UsageError(f"{self.kind} cannot be written {what}", hint=_one_of(forms))
        return style.picture(self.figure(), form, command(self.kind))

    def text(self, *, width: int = 80, color: bool = False) -> str:
        """Return the plot as text for a terminal; raises UsageError for a kind that has no such form."""
        write = _kind(self.kind).write
        if write is None:
            raise UsageError(f"{self.kind} cannot be drawn as text", hint=f"{command(self.kind)} -o FILE.png")
        drawn: str = _found(write)(self.table, width=width, color=color)
        return drawn

    def summary(self, *, width: int | None = None, color: bool = False) -> str:
        """Return what is said beside the picture, such as a table of the models of a boomerang; mostly nothing."""
        summary = _kind(self.kind).summary
        if summary is None:
            return ""
        said: str = _found(summary)(self.table, width=width, color=color)
        return said


def command(kind: str) -> str:
    """Return the command that draws a kind: names of commands have hyphens."""
    return f"ledger plot {kind.replace('_', '-')}" if kind in KINDS else "ledger charts RUN NAME"


def _one_of(forms: Sequence[str]) -> str:
    return f"end the name of the file in {' or '.join(f'.{form}' for form in forms)}"


def plotted(reading: Reading, kind: str, runs: Sequence[str], where: str | None, options: Mapping[str, Any]) -> Plot:
    """Return a plot of runs; raises UsageError for a kind or an option that there is not, and what the kind raises."""
    if kind not in KINDS:
        raise UsageError(f"there is no plot {kind!r}", hint=f"one of {', '.join(KINDS)}")
    known = KINDS[kind].options
    for name in options:
        if name not in known:
            raise UsageError(f"a {kind} plot has no option {name!r}", hint=f"it has {', '.join(known)}")
    return Plot(kind, KINDS[kind].plot(reading, runs, where, dict(options)))


def of_chart(reading: Reading, run: str, name: str, step: int | None) -> Plot:
    """Return the plot of one chart of a run that was logged as data; raises UsageError where it cannot be drawn."""
    from ledger.table import chart_data

    here, word = reading.home(run)
    state = here.state(word)
    table = chart_data.single(state, name, here.chart_data(word, name, step))
    return Plot(table.kind, table)


def _states(reading: Reading, runs: Sequence[str], where: str | None) -> list[RunState]:
    """Return the runs that are plotted: all where none is named; raises NoSuchRun where there is none."""
    states = list({state.id: state for state in reading.select(*runs, where=where)}.values())
    if not states:
        what = f"no run fits {where!r}" if where else "the ledger has no runs to plot"
        raise NoSuchRun(what, hint="see: ledger ls")
    return states


def _curves(reading: Reading, runs: Sequence[str], where: str | None, options: dict[str, Any]) -> Table:
    from ledger.derive import repeats
    from ledger.table import series

    states = _states(reading, runs, where)
    if isinstance(options.get("metrics"), str):
        options["metrics"] = [options["metrics"]]
    asked = series.Asked(**options)
    groups = None
    if asked.band == "group":
        groups = {state.id: state.group or state.name for state in states}
    elif asked.band == "seed":
        groups = {}
        for members in repeats.groups(states):
            stem = repeats.stem(members[0])
            taken = set(groups.values())
            label = stem if stem not in taken else f"{stem} {members[0].id[-4:]}"
            groups |= {state.id: label for state in members}
    elif asked.band is not None:
        raise UsageError(f"band={asked.band!r}", hint="one of group, seed")
    damaged = reading._unread if where or not runs else None
    named = where is None and len(runs) == len(states)
    sources = [reading.source(state.id) for state in states]
    return series.curves(states, sources, reading.schema, asked, groups, damaged, named=named)


def _boomerang(reading: Reading, runs: Sequence[str], where: str | None, options: dict[str, Any]) -> Table:
    from ledger.table.boomerang import boomerang

    return boomerang(_states(reading, runs, where), reading.schema, **options)


def _scatter(reading: Reading, runs: Sequence[str], where: str | None, options: dict[str, Any]) -> Table:
    from ledger.table.relations import scatter

    return scatter(_states(reading, runs, where), reading.schema, **options)


def _parallel(reading: Reading, runs: Sequence[str], where: str | None, options: dict[str, Any]) -> Table:
    from ledger.table.relations import parallel

    if isinstance(options.get("params"), str):
        options["params"] = [options["params"]]
    return parallel(_states(reading, runs, where), reading.schema, **options)


def _montage(reading: Reading, runs: Sequence[str], where: str | None, options: dict[str, Any]) -> Table:
    from ledger.table.charts import montage

    if len(runs) != 1 or where is not None:
        raise UsageError("a montage is of one run", hint="ledger plot montage RUN [CHART]")
    here, word = reading.home(runs[0])
    found = montage(here.state(word), **options)
    return found._replace(data=[here.blob(chart) for chart in found.pictures])


def _chart_data(kind: str) -> Callable[..., Table]:
    """Return what plots a kind of chart data."""

    def plot(reading: Reading, runs: Sequence[str], where: str | None, options: dict[str, Any]) -> Table:
        from ledger.table import chart_data

        for name in ("metrics", "classes"):
            if isinstance(options.get(name), str):
                options[name] = [options[name]]
        states = _states(reading, runs, where)
        sources = [reading.source(state.id) for state in states]
        return chart_data.chart_plot(
            states, sources, kind, chart_data.Asked(**options), named=where is None and len(runs) == len(states)
        )

    return plot


class Kind(NamedTuple):
    """How a kind is plotted: its options, the function that makes its table, and `module:function` of what draws it."""

    plot: Callable[[Any, Sequence[str], str | None, dict[str, Any]], Table]
    options: tuple[str, ...]
    draw: str
    write: str | None = None  # as text, where a terminal can show it
    summary: str | None = None  # what is said beside the picture
    forms: tuple[str, ...] = ("png", "svg", "pdf")


_DRAWING = "ledger.view.drawing"
KINDS = {
    "curves": Kind(
        _curves,
        ("metrics", "x", "smooth", "log_x", "log_y", "band", "interval"),
        f"{_DRAWING}.curves:draw",
        f"{_DRAWING}.terminal:curves",
    ),
    "boomerang": Kind(
        _boomerang,
        ("x", "y", "min_score", "max_loss", "on", "by", "log_x"),
        f"{_DRAWING}.boomerang:draw",
        f"{_DRAWING}.terminal:boomerang",
        f"{_DRAWING}.models:models",
    ),
    "scatter": Kind(
        _scatter, ("x", "y", "split"), f"{_DRAWING}.relations:draw_scatter", f"{_DRAWING}.terminal:scatter"
    ),
    "parallel": Kind(_parallel, ("params", "metric", "split"), f"{_DRAWING}.relations:draw_parallel"),
    "montage": Kind(_montage, ("chart", "steps", "limit", "columns"), f"{_DRAWING}.montage:draw", forms=("png",)),
}
_OF_CHARTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("roc", "pr"), ("classes",)),
    **dict.fromkeys(("calibration", "ks", "gain", "lift"), ()),
    "threshold": ("metrics",),
    "confusion": (),
    **dict.fromkeys(("residuals", "predicted_vs_true"), ()),
    "importance": ("top",),
    "histogram": (),
}
_FORMS = f"{_DRAWING}.evaluation:draw", f"{_DRAWING}.evaluation_text:text"
KINDS |= {
    kind: Kind(_chart_data(kind), ("split", "chart", "step", "context", *more), *_FORMS)
    for kind, more in _OF_CHARTS.items()
}
# Those that are drawn one at a time, by `plot_chart`: nothing is to be chosen.
_ALONE = {kind: Kind(_chart_data(kind), (), *_FORMS) for kind in ("curve", "table")}


def _kind(name: str) -> Kind:
    return KINDS[name] if name in KINDS else _ALONE[name]


def _found(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function
