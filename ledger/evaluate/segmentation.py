"""The bundle for segmentation: every pixel is a row; overlap of truth and prediction for each class.

Pixels whose truth is `ignore_class` are left out, and that class is in no mean; predicting it elsewhere is a miss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ledger.errors import InvalidValue
from ledger.evaluate.arrays import Array
from ledger.evaluate.averages import averaged, of_confusion, of_each_label
from ledger.evaluate.confusion import Confusion, accuracy, confusion_chart, fbetas, ious
from ledger.evaluate.inputs import Batch
from ledger.evaluate.losses import RowLoss
from ledger.evaluate.registry import Bundle, Chart, Metric
from ledger.evaluate.results import ChartData, Value, as_column
from ledger.evaluate.rows import Rows
from ledger.format.values import Undefined


class SegmentationStates:
    """Counts of pixels and of labels, and the mean Dice of each image; `ignore_class` is the label that is left out."""

    def __init__(self, labels: Sequence[Any], *, ignore_class: Any = None) -> None:
        self.labels = tuple(labels)
        self.ignore_class = ignore_class.item() if hasattr(ignore_class, "item") else ignore_class
        self.rule: dict[str, Any] = {}
        self.rows = Rows()
        self.confusion = Confusion(self.labels)
        self.images = RowLoss()
        self.flat = False

    def update(self, batch: Batch) -> None:
        """Take in one chunk: images (n, height, width, ...), or pixels (n,), which are no images."""
        self.rows.update(batch)
        if batch.decided_by == "scores":
            self.rule = {"rule": "argmax, the first of ties"}
        self.confusion.update(batch)
        self.flat |= batch.truth.ndim < 3
        if batch.truth.ndim > 2 and batch.predicted is not None:
            self.images.update(*self._dice_of_images(batch.truth, batch.predicted, batch.weight))

    def _dice_of_images(self, truth: Array, predicted: Array, weight: Array | None) -> tuple[Array, Array | None]:
        """Return the mean Dice over the classes of each image, and its weight: the mean of those of its pixels.

        Images without a pixel that counts are left out.
        """
        size = (len(truth), len(self.labels))
        image = np.broadcast_to(np.arange(size[0]).reshape(-1, *(1,) * (truth.ndim - 1)), truth.shape)
        keep = (truth >= 0) & (predicted >= 0)
        image, truth, predicted = image[keep], truth[keep], predicted[keep]
        heavy = None if weight is None else weight[keep]
        hit = truth == predicted
        hits, true, found = (
            np.bincount(
                image[of] * size[1] + codes[of], None if heavy is None else heavy[of], size[0] * size[1]
            ).reshape(size)
            for of, codes in ((hit, truth), (slice(None), truth), (slice(None), predicted))
        )
        scored = np.array([not self.is_ignored(label) for label in self.labels], bool)
        both = (true + found)[:, scored]
        dice = np.divide(2 * hits[:, scored], both, out=np.zeros(both.shape), where=both > 0)
        classes = np.count_nonzero(both, axis=1)
        there = classes > 0
        means = np.asarray(dice.sum(axis=1)[there] / classes[there])
        if heavy is None:
            return means, None
        pixels = np.bincount(image, minlength=size[0])[there]
        return means, np.bincount(image, heavy, size[0])[there] / pixels

    def is_ignored(self, label: Any) -> bool:
        """Say whether a label is the one that is left out."""
        return self.ignore_class is not None and bool(label == self.ignore_class)

    def scored(self, values: list[Value]) -> list[Value]:
        """Return one value a label, that of the label which is left out undefined."""
        return [
            Undefined("this class is ignored") if self.is_ignored(label) else value
            for label, value in zip(self.labels, values, strict=True)
        ]

    def merge(self, other: SegmentationStates) -> None:
        """Take in what another one has seen; raises InvalidValue where labels or options differ."""
        if self.ignore_class != other.ignore_class:
            raise InvalidValue(f"ignore_class differs: {self.ignore_class!r} and {other.ignore_class!r}")
        self.confusion.merge(other.confusion)
        self.rows.merge(other.rows)
        self.rule = self.rule or other.rule
        self.images.merge(other.images)
        self.flat |= other.flat

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values and arrays."""
        plain = {"ignore_class": self.ignore_class, "rule": dict(self.rule), "flat": self.flat}
        return plain | {name: getattr(self, name).to_dict() for name in ("rows", "confusion", "images")}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> SegmentationStates:
        """Return what `to_dict` was given."""
        states = cls(plain["confusion"]["labels"], ignore_class=plain["ignore_class"])
        states.rule, states.flat, states.rows = dict(plain["rule"]), plain["flat"], Rows.from_dict(plain["rows"])
        states.confusion = Confusion.from_dict(plain["confusion"])
        states.images = RowLoss.from_dict(plain["images"])
        return states


Of: TypeAlias = Callable[[SegmentationStates], Value]
Each: TypeAlias = Callable[[SegmentationStates], list[Value]]


def _ious(states: SegmentationStates) -> list[Value]:
    return states.scored(ious(states.confusion))


def _dices(states: SegmentationStates) -> list[Value]:
    return states.scored(fbetas(states.confusion))


def _dice_per_image(states: SegmentationStates) -> Value:
    return Undefined("the rows are pixels, no images") if states.flat else states.images.mean()


def report(states: SegmentationStates) -> ChartData:
    """Return one row a class: IoU, Dice, precision, recall, and its pixels in truth and prediction; NaN: undefined."""
    own = of_each_label(of_confusion(states.confusion), states.labels)
    values = {"iou": _ious(states), "dice": _dices(states)}
    values |= {name: states.scored(own[name]) for name in ("precision", "recall")}
    columns: dict[str, Array | list[Any]] = {"class": list(states.labels)}
    columns |= {name: as_column(of) for name, of in values.items()}
    columns |= {"support": states.confusion.true, "predicted": states.confusion.predicted}
    facts = {"accuracy": accuracy(states.confusion), "n": states.confusion.total, "title": "classes"}
    return ChartData("table", columns, facts)


def _of_labels(draw: Callable[[SegmentationStates], ChartData]) -> Chart:
    return lambda states: states.rows.problem("labels") or draw(states)


CHARTS: dict[str, Chart] = {
    "confusion": _of_labels(lambda states: confusion_chart(states.confusion)),
    "report": _of_labels(report),
}


def _metric(name: str, compute: Of, about: str, *aliases: str, by_class: Each | None = None, **more: Any) -> Metric:
    def each(states: SegmentationStates) -> list[Value]:
        assert by_class is not None
        problem = states.rows.problem("labels")
        return by_class(states) if problem is None else [problem] * len(states.labels)

    return Metric(
        name=name, kinds=("segmentation",), needs="labels", goal="maximize",
        compute=lambda states: states.rows.problem("labels") or compute(states),
        by_class=None if by_class is None else each,
        definition={"formula": about, **more.pop("definition", {}), "version": 1}, aliases=aliases, about=about,
        options=("ignore_class",), **more,
    )  # fmt: skip


_POOLED = {"average": "macro", "over": "classes in truth or prediction, of all images together"}

METRICS = (
    _metric("accuracy", lambda states: accuracy(states.confusion), "share of pixels that are right", "pixel_accuracy",
            "acc"),
    _metric("mean_iou", lambda states: averaged(_ious(states)), "tp / (tp + fp + fn), mean over classes", "iou",
            "miou", "mean_io_u", "io_u", "jaccard", by_class=_ious, definition=_POOLED, undefined="no class is left"),
    _metric("dice", lambda states: averaged(_dices(states)), "2 tp / (2 tp + fp + fn), mean over classes", "mean_dice",
            "f1", by_class=_dices, definition=_POOLED, undefined="no class is left"),
    _metric("dice_per_image", _dice_per_image, "dice of each image, weighted mean over images", "mean_dice_per_image",
            definition={"average": "macro", "over": "classes in truth or prediction of each image, then images"},
            undefined="pixels in one row each"),
)  # fmt: skip

BUNDLE = Bundle("segmentation", SegmentationStates, METRICS, CHARTS, options=("ignore_class",))
