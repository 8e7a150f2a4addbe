"""The boomerang: each model a line through its splits, from train to test, its loss across and its score up.

A tight line generalizes; one that bends away does not. Here are its points, what the limits leave out, and which
model generalizes best; `view/drawing/boomerang.py` draws them.
"""

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import InvalidFilter, InvalidValue, NoSuchMetric, NoSuchRun, UsageError, counted
from ledger.format.values import Undefined
from ledger.store.state import RunState
from ledger.table import columns, splits
from ledger.table.compare import canonical_names
from ledger.table.generalization import Generalization, generalization, mean_of

if TYPE_CHECKING:
    from ledger.schema import Schema

PANELS_MOST = 12


class Point(NamedTuple):
    """A model on a split (of one fold, or None: the mean of all): x is its loss, y its score.

    An undefined one is NaN here, with the reason in `undefined`, by axis.
    """

    split: str
    fold: str | None
    x: float
    y: float
    undefined: Mapping[str, str] = {}

    def value(self, axis: str) -> "float | Undefined":
        """Return x or y as it is shown: undefined with its reason, or a number, NaN among them."""
        reason = self.undefined.get(axis)
        return Undefined(reason) if reason is not None else float(getattr(self, axis))


class Model(NamedTuple):
    """One run: its points in order of split, those of its folds, its index; why it is left out, if it is."""

    run: str
    name: str
    points: list[Point]
    folds: list[Point]
    generalization: Generalization | None
    failed: list[str]


class Panel(NamedTuple):
    """Models that have one thing in common, such as their group: what it is, their ids, which generalizes best."""

    value: Any
    runs: list[str]
    best: str | None


class Axis(NamedTuple):
    """The metric of an axis: its name, its goal, and the limit that every split has to keep (None: none)."""

    metric: str
    goal: str
    limit: float | None

    def fails(self, value: float) -> bool:
        """Say whether a number is beyond the limit; one equal to it is not."""
        if self.limit is None:
            return False
        return value > self.limit if self.goal == "minimize" else value < self.limit


class Boomerang(NamedTuple):
    """What is drawn: the models that are kept, the best of their worst splits first; the others; the best one's id.

    `without` is the number of runs that are not here, since they lack one of the two metrics.

    The best generalizes best: it has the least index of those whose worst split is no worse than the median one, since
    a model that is equally bad everywhere generalizes, too. `by` says what the panels are about, where there are any.
    """

    x: Axis
    y: Axis
    on: str | None
    models: list[Model]
    removed: list[Model]
    best: str | None
    notices: list[str]
    by: str | None = None
    panels: Sequence[Panel] = ()
    log_x: bool = False
    without: int = 0

    @property
    def said(self) -> str:
        """How many models are kept, and why the others are not: `12 of 40 models kept; 26 fail loss, 2 undefined`."""
        return _said(self.x, self.y, len(self.models), self.removed)

    @property
    def caption(self) -> str:
        """What the picture says of models that are pale, and of runs that are not there."""
        lack = f"{counted(self.without, 'run', 'runs')} {'lacks' if self.without == 1 else 'lack'} an axis"
        return "; ".join([self.said] * bool(self.removed) + [lack] * bool(self.without))

    @property
    def headings(self) -> list[str]:
        """The columns of the points."""
        by = [] if self.by is None else [f"by {self.by}"]
        reason = ["undefined"] if any(point.undefined for point in self._points()) else []
        return ["run", "name", "split", "fold", self.x.metric, self.y.metric, "kept", *by, *reason]

    def rows(self) -> list[list[Any]]:
        """Return the points of all models, a row each, those of folds after the mean; the panels; reasons, if any."""
        reasons = any(point.undefined for point in self._points())
        return [
            [model.run, model.name, point.split, point.fold, point.value("x"), point.value("y"), not model.failed]
            + self._of(model)
            + ([_reasons(point, self.x, self.y)] if reasons else [])
            for model in [*self.models, *self.removed]
            for point in [*model.points, *model.folds]
        ]

    def _points(self) -> Iterator[Point]:
        return (p for model in [*self.models, *self.removed] for p in [*model.points, *model.folds])

    def _of(self, model: Model) -> list[str | None]:
        if self.by is None:
            return []
        return [", ".join(spelled(panel.value) for panel in self.panels if model.run in panel.runs) or None]

    def to_json(self) -> dict[str, Any]:
        """Return the object of `plot boomerang --json`."""
        axes = {}
        for name, axis in (("x", self.x), ("y", self.y)):
            limit = {} if axis.limit is None else {"limit": axis.limit}
            axes[name] = {"metric": axis.metric, "goal": axis.goal} | limit
        shown: dict[str, Any] = {"schema": "ledger.plot.boomerang/1", **axes}
        if self.on is not None:
            shown["on"] = self.on
        if self.best is not None:
            shown["best"] = self.best
        shown["models"] = [_model_json(model) for model in [*self.models, *self.removed]]
        if self.by is not None:
            shown["by"] = self.by
            shown["panels"] = [
                {"value": panel.value, "runs": panel.runs} | ({} if panel.best is None else {"best": panel.best})
                for panel in self.panels
            ]
        return shown


def spelled(value: Any) -> str:
    """Return the value of a panel as text: 0.5, true, sgd."""
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _reasons(point: Point, x: Axis, y: Axis) -> str | None:
    return (
        "; ".join(f"{axis.metric}: {point.undefined[at]}" for at, axis in (("x", x), ("y", y)) if at in point.undefined)
        or None
    )


def _model_json(model: Model) -> dict[str, Any]:
    points = [
        {"split": p.split}
        | ({} if p.fold is None else {"fold": p.fold})
        | {axis: None if axis in p.undefined else getattr(p, axis) for axis in ("x", "y")}
        | ({"undefined": dict(p.undefined)} if p.undefined else {})
        for p in [*model.points, *model.folds]
    ]
    shown: dict[str, Any] = {"id": model.run, "name": model.name, "kept": not model.failed}
    if model.failed:
        shown["failed"] = model.failed
    if model.generalization is not None:
        found = model.generalization._asdict()
        found = {"index": found.pop("value")} | found
        shown["generalization"] = {key: value for key, value in found.items() if value is not None}
    return shown | {"points": points}


def boomerang(
    states: Sequence[RunState],
    schema: "Schema",
    *,
    x: str | None = None,
    y: str | None = None,
    min_score: float | None = None,
    max_loss: float | None = None,
    on: str | None = None,
    by: str | None = None,
    log_x: bool = False,
) -> Boomerang:
    """Return the boomerang of runs, of their last values on each split.

    Unasked x is one of loss, log_loss, rmse and mse, and y one of accuracy, roc_auc and r2: the pair that most runs
    have on two splits, the first of equal ones. A model is left out where a split (`on`: this split alone) is beyond a
    limit, the metric's goal deciding which way, or has no number. `by` makes panels: of a field such as `group`, of
    `tag` (a model is in the panel of each of its tags) or of a param. Raises NoSuchMetric, InvalidValue, InvalidFilter
    for an unknown `by`, and NoSuchRun where no model is left.
    """
    for name, value in (("min_score", min_score), ("max_loss", max_loss)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
            raise UsageError(f"{name} must be a number, not {value!r}", hint=f"for instance {name}=0.5")
        if value is not None and not math.isfinite(value):
            raise InvalidValue(f"{name}={value} is no limit", hint="give a finite number")
    names = canonical_names(states, schema)
    values = {state.id: splits.last_values(state, names) for state in states}
    across, up = _axes(list(values.values()), x, y)
    x_axis = Axis(across, schema.metric(across).goal or "minimize", max_loss)
    y_axis = Axis(up, schema.metric(up).goal or "maximize", min_score)
    split = None if on is None else splits.shown_split([], on)
    models, without = [], []
    for state in states:
        reasons = splits.undefined_values(state, names)
        points, folds = _points(values[state.id], across, up, reasons)
        if not points:
            without.append(state)
            continue
        found = generalization(values[state.id].get(up, {}), y_axis.goal)
        models.append(Model(state.id, state.name, points, folds, found, _failed(points, x_axis, y_axis, split)))
    if not models:
        raise NoSuchMetric(
            f"no run here has {across!r} and {up!r} on one split",
            hint=f"runs have {across} on {_where(values, across)}, {up} on {_where(values, up)}",
        )
    kept = sorted((model for model in models if not model.failed), key=lambda model: _order(model, y_axis))
    removed = [model for model in models if model.failed]
    if not kept:
        raise NoSuchRun(f"none left: {_said(x_axis, y_axis, 0, removed)}", hint="loosen --min-score or --max-loss")
    notices = _left_out(without, values, across, up, len(states)) if without else []
    notices += _one_sided({model.run: values[model.run] for model in models}, across, up)
    if log_x:
        notices += _not_positive(kept)
    panels, said = ([], []) if by is None else _panels(kept, states, schema, by, [state.id for state in without])
    return Boomerang(x_axis, y_axis, split, kept, removed, _best(kept), notices + said, by, panels, log_x, len(without))


def _left_out(
    without: Sequence[RunState], values: Mapping[str, splits.Values], across: str, up: str, total: int
) -> list[str]:
    """Say which runs lack the two metrics that are drawn, and what to ask for to see them."""
    text = f"{len(without)} of {counted(total, 'run', 'runs')} left out, without {across} and {up} on one split"
    names = f": {_some([state.name for state in without])}"
    other = splits.pair(splits.LOSSES, splits.SCORES, [values[state.id] for state in without])
    if other is None:
        return [text + names]
    have = sum(bool(splits.shared(values[state.id], *other)) for state in without)
    return [f"{text}{names}; {have} of them with --x {other[0]} --y {other[1]}"]


def _panels(
    kept: Sequence[Model], states: Sequence[RunState], schema: "Schema", by: str, without: Sequence[str]
) -> tuple[list[Panel], list[str]]:
    """Return the panels of models that are kept, in the order of their values; and which models are in none."""
    column = columns.parse(by, heading=False)
    if column.kind == "metric" and any(columns.param(state.params, column.text) is not None for state in states):
        column = columns.parse(f"params.{column.text}", heading=False)
    if column.kind == "metric":
        hint = "group, tag, name, author, branch, or a param: params.NAME"
        raise InvalidFilter(f"no model has a param {by!r}, nor is it a field of runs", hint=hint)
    columns.check([column], states, schema)
    of = {state.id: columns.value(column, state, schema) for state in states}
    members: dict[Any, list[Model]] = {}
    alone = []
    for model in kept:
        found = of[model.run] if column.kind == "tag" else [of[model.run]]
        values = [value for value in found if value is not None]
        for value in values:
            plain = isinstance(value, str | int | float) and not isinstance(value, bool)
            members.setdefault(value if plain else spelled(value), []).append(model)
        alone += [] if values else [model.name]
    if not members:
        hint = "see: ledger ls --columns name,group,tag"
        have = sum(of[run] is not None and of[run] != [] for run in without)
        if have:
            verb = "has" if have == 1 else "have"
            hint = (
                f"{have} of the {len(without)} runs that lack these metrics {verb} one: choose others with --x and --y"
            )
        raise InvalidFilter(f"none of the {counted(len(kept), 'model', 'models')} drawn has a {by}", hint=hint)
    notices = [f"in no panel, without {by}: {_some(alone)}"] if alone else []
    if len(members) > PANELS_MOST:
        notices.append(f"{PANELS_MOST} of {len(members)} panels shown, those of the best models")
        members = dict(list(members.items())[:PANELS_MOST])
    numbers = sorted(value for value in members if not isinstance(value, str))
    texts = sorted((value for value in members if isinstance(value, str)), key=columns.natural)
    panels = [Panel(v, [m.run for m in members[v]], _best(members[v])) for v in [*numbers, *texts]]
    return panels, notices


def _axes(values: list[splits.Values], x: str | None, y: str | None) -> tuple[str, str]:
    across, up = (None if word is None else splits.named(word, (), values) for word in (x, y))
    both = splits.pair([across] if across else splits.LOSSES, [up] if up else splits.SCORES, values)
    if both is not None:
        return both
    across, up = across or splits.named(None, splits.LOSSES, values), up or splits.named(None, splits.SCORES, values)
    if across is None or up is None:
        missing = "a loss (loss, log_loss, rmse, mse)" if across is None else "a score (accuracy, roc_auc, r2)"
        there = sorted({name for found in values for name, on in found.items() if any(on)})
        hint = f"name it with --{'x' if across is None else 'y'}: {', '.join(there[:8])}" if there else None
        raise NoSuchMetric(f"no run here has {missing} on a split", hint=hint or "log metrics as train/loss, val/loss")
    return across, up


def _points(
    values: splits.Values, across: str, up: str, reasons: Mapping[tuple[str, str | None, str | None], str]
) -> tuple[list[Point], list[Point]]:
    """Return a model's points, means over folds, in order of split; and those of its folds where it has some."""
    xs, ys = values.get(across, {}), values.get(up, {})

    def point(split: str, fold: str | None, x: float, y: float) -> Point:
        why: dict[str, str] = {}
        for axis, metric, value in (("x", across, x), ("y", up, y)):
            for (name, on, of), reason in reasons.items() if math.isnan(value) else ():
                if name == metric and on in (split, None) and fold in (of, None):
                    why.setdefault(axis, reason if of == fold else f"fold {of}: {reason}")
        return Point(split, fold, x, y, why)

    both = splits.shared(values, across, up)
    points = [point(split, None, mean_of(xs[split]), mean_of(ys[split])) for split in both]
    folds = [
        point(split, fold, xs[split].get(fold, xs[split].get(None, math.nan)), ys[split].get(fold, math.nan))
        for split in both
        for fold in ys[split]
        if fold is not None
    ]
    return points, folds


def _failed(points: Sequence[Point], x: Axis, y: Axis, on: str | None) -> list[str]:
    """Return why a model is left out: the metrics whose limit it fails, and `undefined`."""
    held = [point for point in points if on is None or point.split == on]
    both = ((x, [point.x for point in held]), (y, [point.y for point in held]))
    failed = [axis.metric for axis, values in both if any(map(axis.fails, values))]
    bad = not held or not all(math.isfinite(value) for _, values in both for value in values)
    return [*dict.fromkeys(failed), *(["undefined"] if bad else [])]


def _order(model: Model, y: Axis) -> tuple[float, float, str]:
    """Sort the best worst split first, then the least index."""
    finite = [point.y for point in model.points if math.isfinite(point.y)]
    worst = (max(finite) if y.goal == "minimize" else -min(finite)) if finite else math.inf
    found = model.generalization
    return worst, math.inf if found is None or math.isnan(found.value) else found.value, model.run


def _best(models: Sequence[Model]) -> str | None:
    able = [model for model in models[: len(models) // 2 + 1] if model.generalization is not None]
    able = [m for m in able if m.generalization is not None and math.isfinite(m.generalization.value)]
    if len(models) < 2 or not able:
        return None
    return min(able, key=lambda m: m.generalization.value if m.generalization else math.inf).run


def _said(x: Axis, y: Axis, kept: int, removed: Sequence[Model]) -> str:
    """Count each model that is left out once: as undefined if it is, else by the limits that it fails."""
    total = kept + len(removed)
    reasons = []
    defined = [tuple(model.failed) for model in removed if "undefined" not in model.failed]
    for failed in dict.fromkeys([(x.metric,), (y.metric,), (x.metric, y.metric)]):
        count = defined.count(failed)
        reasons += [f"{count} {'fails' if count == 1 else 'fail'} {' and '.join(failed)}"] if count else []
    undefined = len(removed) - len(defined)
    reasons += [f"{undefined} undefined"] if undefined else []
    return f"{kept} of {counted(total, 'model', 'models')} kept" + (f"; {', '.join(reasons)}" if reasons else "")


def _one_sided(values: dict[str, splits.Values], across: str, up: str) -> list[str]:
    """Say which splits cannot be drawn because one of the two metrics was not logged there."""
    seen = {name: {s for found in values.values() for s in found.get(name, {}) if s} for name in (across, up)}
    notices = []
    for have, lack in ((across, up), (up, across)):
        alone = sorted(seen[have] - seen[lack], key=splits.rank)
        if alone:
            notices.append(f"not drawn: {', '.join(alone)}, which has {have} but no {lack}")
    return notices


def _not_positive(models: Sequence[Model]) -> list[str]:
    """Say which models have points that a logarithmic axis has no place for."""
    names = [model.name for model in models if any(point.x <= 0 for point in model.points)]
    return [f"not drawn on a logarithmic axis: what is not positive of {_some(names)}"] if names else []


def _where(values: dict[str, splits.Values], metric: str) -> str:
    found = {str(split) for of in values.values() for split in of.get(metric, {}) if split is not None}
    return ", ".join(sorted(found, key=splits.rank)) or "no split"


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
