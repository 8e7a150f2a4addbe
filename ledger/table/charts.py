"""The charts of a run: one of a series, or the pictures of a series in order of step, as a montage shows them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.errors import NoSuchChart, UsageError, counted
from ledger.format.names import metric_key
from ledger.store.state import Chart, RunState
from ledger.table.columns import nearest

MOST = 24  # pictures that are shown unasked
_SAID_MOST = 12  # names of charts that an error lists
KINDS = frozenset({"png", "jpg", "jpeg", "gif", "webp", "bmp"})


class Montage(NamedTuple):
    """Some pictures of a series; `data` are their bytes, in the same order, where they were read."""

    run: str
    name: str
    chart: str
    pictures: list[Chart]
    data: list[bytes]
    columns: int | None
    notices: list[str]

    @property
    def headings(self) -> list[str]:
        """The columns of the list of pictures."""
        return ["run", "chart", "step", "caption", "media_type", "bytes", "blob"]

    def rows(self) -> list[list[Any]]:
        """Return a row per picture."""
        return [[self.run, self.chart, c.step, c.caption, c.media_type, c.bytes, c.blob] for c in self.pictures]

    def to_json(self) -> dict[str, Any]:
        """Return the object of `plot montage --json`."""
        fields = ("step", "caption", "media_type", "bytes", "blob")
        pictures = [
            {field: getattr(chart, field) for field in fields if getattr(chart, field) is not None}
            for chart in self.pictures
        ]
        return {"schema": "ledger.plot.montage/1", "run": self.run, "chart": self.chart, "pictures": pictures}


def find(state: RunState, name: str, step: int | None = None) -> Chart:
    """Return a chart of a run: at `step`, else the one without a step, else the last; raises NoSuchChart."""
    series = [c for c in state.charts if metric_key(c.name, c.context) == name or c.name == name]
    if not series:
        names = list(dict.fromkeys(c.name for c in state.charts))
        shown = nearest(name, names) or names[:_SAID_MOST]
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        known = ", ".join(shown) + more if names else "no charts"
        raise NoSuchChart(f"the run {state.id} has no chart {name!r}; it has {known}", hint=f"ledger charts {state.id}")
    return at_step(state, name, series, step)


def at_step(state: RunState, name: str, series: Sequence[Chart], step: int | None) -> Chart:
    """Return the chart of a series at `step`, else the one without a step, else the last; raises NoSuchChart."""
    if step is None:
        return max(series, key=lambda c: (c.step is None, c.step or 0))
    for chart in series:
        if chart.step == step:
            return chart
    steps = ", ".join("one without a step" if c.step is None else str(c.step) for c in series[:20])
    raise NoSuchChart(f"the chart {name!r} of {state.id} has no step {step}; it has {steps}")


def montage(
    state: RunState,
    chart: str | None = None,
    *,
    steps: Sequence[int] = (),
    limit: int | None = None,
    columns: int | None = None,
) -> Montage:
    """Return the pictures of a series of a run, without their bytes; unasked the run's longest series.

    More than `limit` (24) are thinned evenly, the first and the last kept; `steps` chooses them. Raises NoSuchChart,
    and UsageError for a series that is no picture.
    """
    for name, value in (("limit", limit), ("columns", columns)):
        if value is not None and value < 1:
            raise UsageError(f"{name}={value}: it must be at least 1")
    series: dict[str, list[Chart]] = {}
    for one in sorted(state.charts, key=lambda c: (c.step is None, c.step or 0)):
        series.setdefault(metric_key(one.name, one.context), []).append(one)
    drawn = {key: [one for one in of if one.extension in KINDS] for key, of in series.items()}
    drawn = {key: of for key, of in drawn.items() if of}
    chosen = chart if chart is not None else max(drawn, key=lambda key: len(drawn[key]), default=None)
    if chosen not in drawn:
        if chosen in series:
            kind = series[chosen][0].media_type
            raise UsageError(
                f"the chart {chosen!r} of {state.id} is {kind}, no picture of pixels", hint=f"ledger charts {state.id}"
            )
        known = f"it has {', '.join(drawn)}" if drawn else "it has no pictures"
        what = f"chart {chart!r}" if chart is not None else "picture"
        raise NoSuchChart(f"the run {state.id} has no {what}; {known}", hint=f"ledger charts {state.id}")
    pictures = drawn[chosen]
    if steps:
        there = {one.step for one in pictures}
        absent = [step for step in steps if step not in there]
        if absent:
            known = ", ".join("none" if one.step is None else str(one.step) for one in pictures[:20])
            raise NoSuchChart(f"the chart {chosen!r} of {state.id} has no step {absent[0]}; it has {known}")
        pictures = [one for one in pictures if one.step in set(steps)]
    most = limit if limit is not None else MOST if not steps else len(pictures)
    notices = []
    if len(pictures) > most:
        notices = [f"{most} of {counted(len(pictures), 'picture', 'pictures')} shown, evenly apart; --limit or --step"]
        last = len(pictures) - 1
        pictures = [pictures[i * last // (most - 1) if most > 1 else last] for i in range(most)]
    return Montage(state.id, state.name, chosen, pictures, [], columns, notices)
