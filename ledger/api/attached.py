"""What runs hold beside rows, read back: charts, chart data, predictions, and evaluations computed from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pandas as pd

    from ledger.evaluate import ChartData
    from ledger.store.state import Chart, RunState
    from ledger.store.tree import Tree
    from ledger.table.evaluations import Reevaluation


class Attached:
    """The part of `Reading` that reads charts and predictions."""

    tree: Tree

    def home(self, run: str) -> tuple[Self, str]:
        """Return the ledger that a selector speaks of, and the rest of it."""
        raise NotImplementedError

    def state(self, run: str) -> RunState:
        """Return all that is known of a run."""
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
            options: those of the kind; by default as it was evaluated before.
        """
        from ledger.table import evaluations

        here, word = self.home(run)
        return evaluations.again(
            here.tree,
            here.state(word),
            evaluations.Asked(split, step, context, kind, threshold, slice, charts),
            options,
        )

    def chart(self, run: str, name: str, step: int | None = None) -> bytes:
        """Return the bytes of a chart of a run: at `step`, else the one without a step, else the last."""
        here, word = self.home(run)
        return here.blob(here.find_chart(word, name, step))

    def chart_data(self, run: str, name: str, step: int | None = None) -> ChartData:
        """Return a chart that was logged as data: kind, columns (lists), facts; raises UsageError for a picture."""
        from ledger.table import definitions

        here, word = self.home(run)
        return definitions.chart_data(here.tree, here.state(word).id, here.find_chart(word, name, step))

    def chart_kinds(self, run: str) -> dict[str, str]:
        """Return the kinds of a run's charts that are data, such as `roc`, by the sha256 of their blobs."""
        from ledger.table import definitions

        here, word = self.home(run)
        return definitions.kinds(here.tree, here.state(word).charts)

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
