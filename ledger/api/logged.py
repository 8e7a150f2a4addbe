"""A run that is in the ledger already, as Python holds it: to read it, and to add to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ledger.record.calls import check_chart, check_prose, check_rows

if TYPE_CHECKING:
    import pandas as pd

    from ledger.api.ledger import Ledger
    from ledger.store.state import Chart, RunState


class LoggedRun:
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

    def log_metric(self, name: str, value: Any, step: int | None = None, *, reason: str | None = None) -> None:
        """Add one metric; see `log`."""
        self.log({name: value}, step, reason=reason)

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

    def log_text(self, name: str, text: str, step: int | None = None, *, reason: str | None = None) -> None:
        """Add a text; see `Run.log_text`."""
        from ledger.record.pictures import from_text

        self._add([], [check_chart(name, from_text(str(text)), step, None, None)], reason)

    def log_file(self, name: str, path: str, step: int | None = None, *, reason: str | None = None) -> None:
        """Add a file; see `Run.log_file`."""
        from ledger.record.pictures import from_file

        self._add([], [check_chart(name, from_file(name, path), step, None, None)], reason)

    def tag(self, *tags: str) -> None:
        """Add tags; `-old` removes one."""
        self.ledger.tag(self.id, *tags)

    def note(self, text: str) -> None:
        """Set the note."""
        self.ledger.note(self.id, text)

    def log_params(self, params: Any, *, reason: str | None = None) -> None:
        """Add or change params."""
        self.ledger.set_params(self.id, params, reason)

    def _add(self, rows: list[Any], charts: list[Any], reason: str | None) -> None:
        from ledger.record import adding

        checked = adding.Checked(rows, charts, {}, [], None, check_prose("reason", reason))
        adding.add(self.ledger.tree, self.id, checked, self.ledger.author)
