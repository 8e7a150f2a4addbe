"""What runs take of evaluations, open runs and closed ones alike: a whole one in one call, or the data of a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ledger.errors import warn
from ledger.record import calls

if TYPE_CHECKING:
    from ledger.evaluate import ChartData, Evaluation
    from ledger.record.evaluating import Planned


class Evaluations:
    """The part of a run that takes evaluations and chart data; what is to be written goes to the methods at the end."""

    def evaluate(
        self,
        *,
        y_true: Any,
        y_pred: Any = None,
        y_score: Any = None,
        kind: str | None = None,
        split: str | None = None,
        sample_weight: Any = None,
        threshold: float = 0.5,
        labels: Any = None,
        prefix: str = "",
        step: int | None = None,
        context: Mapping[str, Any] | None = None,
        predictions: bool = True,
        charts: bool | Sequence[str] = True,
        ids: Any = None,
        timestamp: Any = None,
        slices: Mapping[str, Any] | None = None,
        reason: str | None = None,
        **options: Any,
    ) -> Evaluation:
        """Log every metric and chart of a model's predictions, and the predictions; returns the evaluation.

        `split="test"` writes `test/roc_auc` and so on, of each class with the context {"class": c}, charts as data
        (`test/roc`), and the definitions of the metrics (`test/definitions`), in one write. A value that
        there is not is undefined, with the reason.

        Args:
            y_true: the truth, (rows,); rows where it is missing are pending, and left out.
            y_pred: predicted labels, or values of a regression.
            y_score: scores, of the positive class or one column for each label; a DataFrame's are matched by name.
            kind: binary, multiclass, multilabel, regression or segmentation; guessed, with a LedgerWarning, if left
                out.
            split: which data, such as `test`.
            sample_weight: one weight a row.
            threshold: a row is positive where its score is greater.
            labels: in order, for binary (negative, positive); found in the values if left out.
            prefix: put before each name, behind the split; without a split, `val/` is the split `val`.
            step: the step they belong to; without it, the run as a whole.
            context: tells evaluations of one split apart, such as {"fold": 1}.
            predictions: False keeps no predictions.
            charts: False keeps no charts but the definitions; ["roc", "confusion"] these alone.
            ids: tells rows apart, kept with the predictions; so are `timestamp` and `slices`, see `log_predictions`.
            timestamp: when each row was predicted or happened.
            slices: columns that rows can be chosen by.
            reason: of a run that is closed, kept with the entry.
            options: those of the kind: bins, beta, k, zero_division, normalizer, keep, ignore_class.

        A LedgerWarning tells of a kind that was guessed, a positive label that nobody said, scores that are no numbers
        or not in 0 to 1, predictions that differ from the scores, and charts that there are not.
        Raises InvalidValue for input that is no evaluation, such as lengths that differ; then nothing was written.
        """
        from ledger.record import evaluating

        place = evaluating.placed(split, prefix, step, self._with_rank(context))
        given = {"y_true": y_true, "y_pred": y_pred, "y_score": y_score, "sample_weight": sample_weight}
        beside = {"ids": ids, "timestamp": timestamp, "slices": slices}
        options |= {"kind": kind, "threshold": threshold, "labels": labels, "charts": charts}
        found, planned = evaluating.evaluated(given, beside, place, options, keep=predictions)
        self._evaluation(planned, calls.check_prose("reason", reason))
        for line in evaluating.said(found):
            warn(line)
        return found

    def log_binary_classification_metrics(
        self, y_true: Any, y_pred: Any, threshold: float = 0.5, prefix: str = "", *, split: str | None = None
    ) -> Evaluation:
        """Log every metric and chart of two classes: `evaluate` with scores of shape (n,) or (n, 2) as `y_pred`.

        `prefix="val/"` and `split="val"` are the same.
        """
        return self.evaluate(
            y_true=y_true, y_score=y_pred, kind="binary", threshold=threshold, prefix=prefix, split=split
        )

    def log_curve(
        self,
        name: str,
        x: Any,
        y: Any,
        step: int | None = None,
        *,
        x_label: str | None = None,
        y_label: str | None = None,
        caption: str | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Log a curve as data: x and y of (n,); several curves over one x are a mapping of their names to y."""
        from ledger.record import data_charts

        self._data(name, data_charts.curve(x, y, x_label, y_label), step, context, caption, reason)

    def log_confusion_matrix(
        self,
        name: str,
        y_true: Any = None,
        y_pred: Any = None,
        step: int | None = None,
        *,
        matrix: Any = None,
        labels: Sequence[Any] | None = None,
        sample_weight: Any = None,
        caption: str | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Log a confusion matrix as data: of labels (n,), or `matrix` (K, K) of counts, a row for each true label."""
        from ledger.record import data_charts

        data = data_charts.confusion(y_true, y_pred, matrix, labels, sample_weight)
        self._data(name, data, step, context, caption, reason)

    def log_histogram(
        self,
        name: str,
        values: Any,
        bins: Any = 50,
        step: int | None = None,
        *,
        caption: str | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Log a histogram as data: values of any shape, in `bins` bins of equal width or between these edges.

        Values that are no finite number are counted in the fact `not_finite`, those beyond the edges in `outside`.
        """
        from ledger.record import data_charts

        self._data(name, data_charts.histogram(values, bins), step, context, caption, reason)

    def log_table(
        self,
        name: str,
        rows: Any,
        step: int | None = None,
        *,
        columns: Sequence[str] | None = None,
        caption: str | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Log a table as data: a DataFrame (without its index), a list of mappings, or of lists under `columns`."""
        from ledger.record import data_charts

        self._data(name, data_charts.table(rows, columns), step, context, caption, reason)

    def log_importance(
        self,
        name: str,
        names: Sequence[str] | Mapping[str, float],
        values: Any = None,
        step: int | None = None,
        *,
        std: Any = None,
        caption: str | None = None,
        context: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Log how much each feature matters as data: names and values (n,), with `std` their deviations.

        A dict or a Series of names to values stands for both.
        """
        from ledger.record import data_charts

        self._data(name, data_charts.importance(names, values, std), step, context, caption, reason)

    def _data(
        self,
        name: str,
        data: ChartData,
        step: int | None,
        context: Mapping[str, Any] | None,
        caption: str | None,
        reason: str | None,
    ) -> None:
        from ledger.record import evaluating

        call = evaluating.chart(name, data, step, self._with_rank(context), caption)
        self._chart(call, calls.check_prose("reason", reason))

    def _with_rank(self, context: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        raise NotImplementedError

    def _chart(self, call: calls.ChartCall, reason: str | None = None) -> None:
        raise NotImplementedError

    def _evaluation(self, planned: Planned, reason: str | None) -> None:
        raise NotImplementedError
