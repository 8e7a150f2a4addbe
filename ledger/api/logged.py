"""A run that is in the ledger already, as Python holds it: to read it, and to add to it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.format.values import Undefined
from ledger.record.calls import ChartCall, check_chart, check_prose, check_rows
from ledger.record.evaluations import Evaluations
from ledger.record.histories import Histories

if TYPE_CHECKING:
    import pandas as pd

    from ledger.api.ledger import Ledger
    from ledger.record.evaluating import Planned
    from ledger.store.state import Chart, RunState
    from ledger.table.evaluations import Reevaluation


class LoggedRun(Evaluations, Histories):
    """A run that is in the ledger already: read it, and add to it; a closed one gets a late entry at once."""

    def __init__(self, ledger: Ledger, id: str) -> None:
        self.ledger, self.id = ledger, id

    def __repr__(self) -> str:
        return f"<ledger.LoggedRun {self.id}>"

    @property
    def state(self) -> RunState:
        """All that is known of the run, as of now."""
        return self.ledger.state(self.id)

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.state.name

    @property
    def status(self) -> str:
        """One of running, finished, failed, interrupted, open."""
        return self.state.status

    @property
    def params(self) -> dict[str, Any]:
        """The run's params, nested."""
        return self.state.params

    @property
    def tags(self) -> list[str]:
        """The run's tags, sorted."""
        return self.state.tags

    def metrics(self) -> pd.DataFrame:
        """Return the run's shown rows; see `Ledger.metrics`."""
        return self.ledger.metrics(self.id)

    def charts(self) -> list[Chart]:
        """Return what is known of the run's charts."""
        return self.state.charts

    def chart(self, name: str, step: int | None = None) -> bytes:
        """Return the bytes of a chart; see `Ledger.chart`."""
        return self.ledger.chart(self.id, name, step)

    def log(
        self,
        metrics: Mapping[str, Any],
        step: int | None = None,
        *,
        split: str | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Add metrics. Without a step a value speaks of the run as a whole; `reason` is kept with the entry."""
        self._add([check_rows(metrics, step, split, context)], [], reason)

    def log_summary(
        self,
        metrics: Mapping[str, Any],
        *,
        split: str | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Add values of the run as a whole, which is what `log` does where no step is given."""
        self.log(metrics, split=split, context=context, reason=reason)

    def log_metric(
        self,
        name: str,
        value: Any,
        step: int | None = None,
        *,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Add one metric; see `log`."""
        self.log({name: value}, step, context=context, reason=reason)

    def log_chart(
        self,
        name: str,
        chart: Any,
        step: int | None = None,
        *,
        caption: str | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Add a chart; see `Run.log_chart`."""
        from ledger.record.pictures import to_picture

        self._add([], [check_chart(name, to_picture(name, chart), step, context, caption)], reason)

    def log_text(
        self, name: str, text: str, step: int | None = None, *, caption: str | None = None, reason: str | None = None
    ) -> None:
        """Add a text; see `Run.log_text`."""
        from ledger.record.pictures import from_text

        self._add([], [check_chart(name, from_text(str(text)), step, None, caption)], reason)

    def log_file(
        self,
        name: str,
        path: str | os.PathLike[str],
        step: int | None = None,
        *,
        caption: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Add a file; see `Run.log_file`."""
        from ledger.record.pictures import from_file

        self._add([], [check_chart(name, from_file(name, path), step, None, caption)], reason)

    def log_data(self, name: str, data: Any, *, reason: str | None = None) -> None:
        """Add which data the run used, none of it; see `Run.log_data`."""
        from ledger.record import references

        self._chart(check_chart(f"data/{name}", references.of_data(name, data), None, None, None), reason)

    def log_model(
        self,
        name: str,
        *,
        uri: str | None = None,
        path: str | os.PathLike[str] | None = None,
        reason: str | None = None,
    ) -> None:
        """Add which model came of the run; see `Run.log_model`."""
        from ledger.record import references

        self._chart(check_chart(f"model/{name}", references.of_model(name, uri, path), None, None, None), reason)

    def predictions(
        self, split: str | None = None, step: int | None = None, *, context: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return predictions of the run; see `Ledger.predictions`."""
        return self.ledger.predictions(self.id, split, step, context=context)

    def log_predictions(
        self,
        split: str | None = None,
        *,
        y_true: Any = None,
        y_pred: Any = None,
        y_score: Any = None,
        ids: Any = None,
        timestamp: Any = None,
        sample_weight: Any = None,
        slices: Mapping[str, Any] | None = None,
        step: int | None = None,
        labels: Any = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Keep predictions; see `Run.log_predictions`. A fault of the disk raises StorageFault here."""
        from ledger.record.predictions import check

        given = {
            "y_true": y_true, "y_pred": y_pred, "y_score": y_score,
            "ids": ids, "timestamp": timestamp, "sample_weight": sample_weight,
        }  # fmt: skip
        call = check(given, split=split, step=step, context=context, slices=slices, labels=labels)
        self._add([], [], reason, [call])

    def log_evaluation(self, found: Reevaluation, *, prefix: str = "", reason: str | None = None) -> bool:
        """Add what `Ledger.evaluate` computed: metrics, definitions, charts if it has them; slices as a context.

        Where the run shows all of that already nothing is written, and it returns False.
        """
        from ledger.record import evaluating

        context = json.loads(found.context) if found.context is not None else {}
        place = evaluating.Place(found.split, prefix, found.step, context)
        plans = [evaluating.plan(found.whole, place)]
        for part in found.parts:
            if part.value is not None:
                at = place._replace(context={**context, str(found.slice): part.value})
                plans.append(evaluating.plan(part.evaluation, at, definitions=False))  # those of the whole
        planned, said = evaluating.together(plans), check_prose("reason", reason)
        if self._shows(planned):
            return False
        self._evaluation(planned, said)
        return True

    def _shows(self, planned: Planned) -> bool:
        """Say whether the values and charts of an evaluation are shown already, each of them equal."""
        charts = {(chart.name, chart.context, chart.step): chart.blob for chart in self.state.charts}
        for call in planned.charts:
            key = call.name, call.context, call.step
            if charts.get(key) != hashlib.sha256(call.picture.data).hexdigest():
                return False
        frame = self.metrics()
        columns = (frame[name].astype(object) for name in ("metric", "context", "step", "value", "undefined"))
        lists = (column.where(column.notna(), None).tolist() for column in columns)
        shown = {(name, context, step): (value, why) for name, context, step, value, why in zip(*lists, strict=True)}
        wanted = {
            (name, rows.context, rows.step): (None, value.reason) if isinstance(value, Undefined) else (value, None)
            for rows in planned.rows
            for name, value in rows.values.items()
        }
        return all(shown.get(key) == value for key, value in wanted.items())

    def log_predictions_file(
        self,
        path: str,
        split: str | None = None,
        *,
        columns: Mapping[str, str | Sequence[str]],
        slices: Sequence[str] = (),
        step: int | None = None,
        labels: Sequence[str] | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
        dry_run: bool = False,
    ) -> int:
        """Keep predictions that stand in a CSV, TSV or Parquet file; returns how many rows they have.

        `columns` says which column of the file is what: {"y_true": "label", "y_score": ["p0", "p1"]}.
        """
        from ledger.record import prediction_files
        from ledger.record.predictions import check, refuse_large

        given, sliced = prediction_files.read(path, columns, slices)
        call = check(given, split=split, step=step, context=context, slices=sliced, labels=labels)
        refuse_large(self.ledger.tree, [call])
        if not dry_run:
            self._add([], [], reason, [call])
        return call.rows

    def tag(self, *tags: str) -> None:
        """Add tags; `-old` removes one."""
        self.ledger.tag(self.id, *tags)

    def note(self, text: str) -> None:
        """Set the note."""
        self.ledger.note(self.id, text)

    def log_params(self, params: Any, *, reason: str | None = None) -> None:
        """Add or change params."""
        self.ledger.set_params(self.id, params, reason)

    def _with_rank(self, context: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        return context

    def _chart(self, call: ChartCall, reason: str | None = None) -> None:
        self._add([], [call], reason)

    def _evaluation(self, planned: Planned, reason: str | None) -> None:
        self._add(planned.rows, planned.charts, reason, planned.predictions)

    def _add(self, rows: list[Any], charts: list[Any], reason: str | None, predictions: Sequence[Any] = ()) -> None:
        from ledger.record import adding

        checked = adding.Checked(rows, charts, {}, [], None, check_prose("reason", reason), predictions)
        adding.add(self.ledger.tree, self.id, checked, self.ledger.author)
