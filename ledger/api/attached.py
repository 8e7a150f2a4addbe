"""What runs hold beside rows, read back: charts, chart data, predictions, and evaluations computed from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import datetime

    import pandas as pd

    from ledger.evaluate import ChartData
    from ledger.store.state import Chart, RunState
    from ledger.store.tree import Tree
    from ledger.table.evaluations import Reevaluation
    from ledger.table.frames import Source
    from ledger.table.label_coverage import Coverages
    from ledger.table.label_log import LabelLog


class Attached:
    """The part of `Reading` that reads charts and predictions."""

    tree: Tree

    def home(self, run: str) -> tuple[Self, str]:
        """Return the ledger that a selector speaks of, and the rest of it."""
        raise NotImplementedError

    def state(self, run: str) -> RunState:
        """Return all that is known of a run."""
        raise NotImplementedError

    def select(self, *runs: str, where: str | None = None) -> list[RunState]:
        """Return the runs that are meant."""
        raise NotImplementedError

    def source(self, id: str) -> Source:
        """Return where a run is that `select` gave."""
        raise NotImplementedError

    def predictions(
        self, run: str, split: str | None = None, step: int | None = None, *, context: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the predictions of a run: y_true, y_pred, y_score, ids, timestamp, sample_weight, `slice.NAME`.

        Of `test` unless `split` says which, else of `val`, else of the only split; without a step, else of the last.
        K values a row are NAME_0, NAME_1 ...; `attrs["labels"]` are their classes. Batches stand one behind the other.
        """
        from ledger.table import predictions

        here, word = self.home(run)
        state = here.state(word)
        chosen = predictions.choose(state, split, step, context)
        return predictions.frame(predictions.read(here.tree, state.id, chosen))

    def evaluate(
        self,
        run: str,
        split: str | None = None,
        step: int | None = None,
        *,
        context: Mapping[str, Any] | None = None,
        kind: str | None = None,
        threshold: float | None = None,
        slice: str | None = None,
        charts: bool = False,
        as_of: str | datetime.date | None = None,
        **options: Any,
    ) -> Reevaluation:
        """Compute an evaluation again from the predictions of a run, named as for `predictions`; nothing is written.

        Args:
            run: any selector.
            split: which predictions; so are `step` and `context`.
            step: see split.
            context: see split.
            kind: binary, multiclass, multilabel, regression or segmentation; as it was evaluated before, else guessed.
            threshold: another threshold; it needs scores, and passes stored labels over.
            slice: a column that was kept as a slice: an evaluation of the rows of each of its values, too.
            charts: whether chart data is wanted.
            as_of: with the labels that were known then: a date (its end), a text such as "2026-11-01", a time.
            options: those of the kind; by default as it was evaluated before.
        """
        from ledger.table import evaluations

        here, word = self.home(run)
        known_by = None
        if as_of is not None:
            from ledger.api import labels

            known_by = labels.moment(as_of)
        asked = evaluations.Asked(split, step, context, kind, threshold, slice, charts, known_by)
        return evaluations.again(here.tree, here.state(word), asked, options)

    def labels(self) -> LabelLog:
        """Return what labels came when: rows(), to_json(), frame()."""
        from ledger.table import label_log

        return label_log.listed(self.tree)

    def label_coverage(
        self,
        *runs: str,
        where: str | None = None,
        split: str | None = None,
        as_of: str | datetime.date | None = None,
    ) -> Coverages:
        """Say of how many rows of runs' predictions the label is known, logged with them or come late.

        Of each split, without a step or at the last one; `as_of` as for `evaluate`. The result has rows, to_json() and
        frame(). Raises NoSuchPredictions where runs are named that have none.
        """
        from ledger.api import labels

        return labels.coverage(self, runs, where, split, as_of)

    def chart(self, run: str, name: str, step: int | None = None) -> bytes:
        """Return the bytes of a chart of a run: at `step`, else the one without a step, else the last."""
        here, word = self.home(run)
        return here.blob(here.find_chart(word, name, step))

    def chart_data(self, run: str, name: str, step: int | None = None) -> ChartData:
        """Return a chart that was logged as data: kind, columns (lists), facts; raises UsageError for a picture."""
        from ledger.table import definitions

        here, word = self.home(run)
        return definitions.chart_data(here.tree, here.state(word).id, here.find_chart(word, name, step))

    def chart_kinds(self, run: str, charts: Sequence[Chart] | None = None) -> dict[str, str]:
        """Return the kinds of a run's charts that are data, such as `roc`, by the sha256 of their blobs.

        The blobs are read for it: of all charts, or of those that `charts` has.
        """
        from ledger.table import definitions

        here, word = self.home(run)
        return definitions.kinds(here.tree, here.state(word).charts if charts is None else charts)

    def find_chart(self, run: str, name: str, step: int | None = None) -> Chart:
        """Return what is known of a chart; raises NoSuchChart naming those there are."""
        from ledger.table import charts

        return charts.find(self.state(run), name, step)

    def blob(self, chart: Chart) -> bytes:
        """Return the bytes of a chart; raises DamagedFile."""
        from ledger.store import blobs

        return blobs.get(self.tree, chart.blob, chart.extension)

    def blob_path(self, chart: Chart) -> str:
        """Return where the bytes of a chart lie."""
        from ledger.store import blobs

        return blobs.path(self.tree, chart.blob, chart.extension)
