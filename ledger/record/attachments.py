"""What a run being written takes beside numbers: charts, texts, files, predictions, and data and models by digest."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ledger.record import calls, pictures

if TYPE_CHECKING:
    from ledger.record.predictions import PredictionsCall


class Attachments:
    """The part of `Run` that takes charts and predictions; what they become is handed to the two methods at the end."""

    def log_chart(
        self,
        name: str,
        chart: Any,
        step: int | None = None,
        *,
        caption: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Log a chart: a path, bytes, a matplotlib figure, a PIL image, or an array of shape (H, W[, 3 or 4]).

        With steps, charts of one name are a series of pictures.
        """
        self._chart(calls.check_chart(name, pictures.to_picture(name, chart), step, self._with_rank(context), caption))

    def log_text(self, name: str, text: str, step: int | None = None, *, caption: str | None = None) -> None:
        """Log a text of any length; it is kept like a chart, as `text/plain`."""
        self._chart(calls.check_chart(name, pictures.from_text(str(text)), step, self._with_rank(None), caption))

    def log_file(
        self, name: str, path: "str | os.PathLike[str]", step: int | None = None, *, caption: str | None = None
    ) -> None:
        """Log a file's bytes; it is kept like a chart, with its extension where editors know it."""
        self._chart(calls.check_chart(name, pictures.from_file(name, path), step, self._with_rank(None), caption))

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
    ) -> None:
        """Keep predictions, so that anything can be computed from them later; equal columns are stored once.

        Arrays, lists, Series or tensors of n rows; the first three may be (n, K). The same split and step again: with
        ids or timestamps it is a further batch, else it replaces what was there.

        Args:
            split: which data, such as `test`.
            y_true: the truth: numbers, bools or text; None where it is not known yet.
            y_pred: predicted labels or values.
            y_score: scores: of the positive class, or (n, K), one for each class.
            ids: tells rows apart: whole numbers or text. Of rows with one id those of the newest batch count.
            timestamp: when each row was predicted or happened: datetimes.
            sample_weight: weights.
            slices: further columns that rows can be chosen by, such as {"country": [...]}.
            step: the step they belong to; without it, the run as a whole.
            labels: the classes, in the order of the scores.
            context: tells predictions of one split apart, such as {"fold": 1}.

        Raises InvalidValue where lengths differ or a column holds what it cannot; then nothing was written.
        """
        from ledger.record import predictions

        given = {
            "y_true": y_true, "y_pred": y_pred, "y_score": y_score,
            "ids": ids, "timestamp": timestamp, "sample_weight": sample_weight,
        }  # fmt: skip
        where: dict[str, Any] = {"split": split, "step": step, "context": self._with_rank(context)}
        self._predictions(predictions.check(given, **where, slices=slices, labels=labels))

    def log_data(self, name: str, data: Any) -> None:
        """Log which data the run used, none of it: of a file its sha256 and size, of an array its digest and rows.

        It becomes the chart `data/NAME`, a small JSON text: equal for runs that used the same data.
        """
        from ledger.record import references

        self._chart(calls.check_chart(f"data/{name}", references.of_data(name, data), None, None, None))

    def log_model(self, name: str, *, uri: str | None = None, path: "str | os.PathLike[str] | None" = None) -> None:
        """Log which model came of the run: where it is kept (`uri`), the sha256 and size of its file (`path`).

        It becomes the chart `model/NAME`, a small JSON text; the model itself is not stored.
        """
        from ledger.record import references

        self._chart(calls.check_chart(f"model/{name}", references.of_model(name, uri, path), None, None, None))

    def _with_rank(self, context: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        raise NotImplementedError

    def _chart(self, call: calls.ChartCall) -> None:
        raise NotImplementedError

    def _predictions(self, call: "PredictionsCall") -> None:
        raise NotImplementedError
