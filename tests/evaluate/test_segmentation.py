"""Overlap of masks: IoU and Dice, against scikit-learn and values recorded from Keras."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ledger.errors import InvalidValue
from ledger.evaluate import Evaluation, compute, evaluate, new_states
from ledger.format.values import Undefined
from tests.evaluate.chunks import assert_same, cut, in_chunks


def masks(y_true: Any, y_pred: Any = None, y_score: Any = None, **options: Any) -> Evaluation:
    """Evaluate masks."""
    return evaluate(y_true, y_pred, y_score, kind="segmentation", **options)


def images(classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return six images of 8 x 9 pixels, truth and prediction."""
    rng = np.random.default_rng(41)
    truth = rng.integers(0, classes, (6, 8, 9))
    return truth, np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, classes, truth.shape))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_overlap_agrees_with_scikit_learn(weighted: bool) -> None:
    """IoU is scikit-learn's Jaccard, Dice its F1, of all pixels together, over classes and of each."""
    truth, predicted = images()
    weight = np.random.default_rng(42).random(truth.shape) if weighted else None
    heavy = None if weight is None else weight.ravel()
    found = masks(truth, predicted, sample_weight=weight)
    flat = (truth.ravel(), predicted.ravel())
    for name, oracle in (("mean_iou", metrics.jaccard_score), ("dice", metrics.f1_score)):
        expected = oracle(*flat, average="macro", sample_weight=heavy)
        assert found[name] == pytest.approx(expected, rel=1e-12)
        each = oracle(*flat, average=None, sample_weight=heavy)
        assert [found.value(name, **{"class": label}) for label in range(4)] == pytest.approx(each, rel=1e-12)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(*flat, sample_weight=heavy), rel=1e-12)


def test_values_recorded_from_keras() -> None:
    """MeanIoU of Keras' documentation: 0.33333334 plain, 0.23809525 with weights."""
    truth, predicted = [0, 0, 1, 1], [0, 1, 0, 1]
    assert compute("MeanIoU", truth, predicted, kind="segmentation") == pytest.approx(1 / 3, rel=1e-12)
    weighted = compute("mean_iou", truth, predicted, kind="segmentation", sample_weight=[0.3, 0.3, 0.3, 0.1])
    assert weighted == pytest.approx((0.3 / 0.9 + 0.1 / 0.7) / 2, rel=1e-12)
    assert weighted == pytest.approx(0.23809525, rel=1e-7)


def test_pixels_of_the_ignored_class_are_left_out() -> None:
    """What is predicted there does not matter, and they are not counted; elsewhere predicting that class is a miss."""
    truth = np.array([[[0, 0, 255], [1, 1, 255]]])
    predicted = np.array([[[0, 1, 0], [1, 1, 1]]])
    found, kept = masks(truth, predicted, ignore_class=255), truth != 255
    assert found["mean_iou"] == pytest.approx(
        metrics.jaccard_score(truth[kept], predicted[kept], average="macro"), rel=1e-12
    )
    assert (found.n, found.labels) == (4, (0, 1))
    missed = np.where(predicted == 0, 255, predicted)
    other = masks(truth, missed, ignore_class=255)
    assert other.value("mean_iou", **{"class": 0}) == 0.0
    assert other.value("mean_iou", **{"class": 255}) == Undefined("this class is ignored")
    assert other["mean_iou"] == pytest.approx((0 + 2 / 3) / 2, rel=1e-12)
    assert other.definitions["mean_iou"]["ignore_class"] == 255


def test_a_label_may_be_ignored_by_its_name() -> None:
    """Text labels are masks too; a class that is one of the labels can be ignored."""
    truth, predicted = np.array([["sky", "car"], ["void", "car"]]), np.array([["sky", "sky"], ["car", "car"]])
    found = masks(truth, predicted, labels=["sky", "car", "void"], ignore_class="void")
    assert found["mean_iou"] == 0.5
    assert found["accuracy"] == pytest.approx(2 / 3, rel=1e-12)
    assert np.isnan(found.charts["report"].columns["iou"]).tolist() == [False, False, True]


def test_classes_absent_on_both_sides_are_in_no_mean() -> None:
    """A label in neither mask is undefined and left out; in the prediction alone it counts as 0."""
    found = masks([0, 0, 1, 1], [0, 0, 1, 2], labels=[0, 1, 2, 3])
    assert found.value("dice", **{"class": 3}) == Undefined("neither truth nor predictions have 3")
    assert found.value("dice", **{"class": 2}) == 0.0
    assert found["mean_iou"] == pytest.approx((1 + 0.5 + 0) / 3, rel=1e-12)


def test_dice_of_each_image_is_another_number() -> None:
    """`dice_per_image` is the mean over images of each one's Dice; flat pixels are no images."""
    truth, predicted = images()
    found = masks(truth, predicted)
    each = [metrics.f1_score(t.ravel(), p.ravel(), average="macro") for t, p in zip(truth, predicted, strict=True)]
    assert found["dice_per_image"] == pytest.approx(np.mean(each), rel=1e-12)
    assert found["dice_per_image"] != found["dice"]
    flat = masks(truth.ravel(), predicted.ravel())
    assert flat["dice"] == found["dice"]
    assert flat["dice_per_image"] == Undefined("the rows are pixels, no images")


def test_images_without_a_pixel_that_counts_are_left_out() -> None:
    """An image that is ignored whole has no Dice; the mean is over the others."""
    truth, predicted = images()
    truth[2] = 9
    found = masks(truth, predicted, ignore_class=9)
    rest = [i for i in range(6) if i != 2]
    assert found["dice_per_image"] == pytest.approx(masks(truth[rest], predicted[rest])["dice_per_image"], rel=1e-12)
    assert masks(np.full((1, 2, 2), 9), np.zeros((1, 2, 2), int), ignore_class=9)["dice"] == Undefined("no rows")


def test_scores_become_the_class_of_the_greatest() -> None:
    """Scores with one column a class give the values of their argmax; NaN makes its pixel undefined, with the count."""
    truth, predicted = images()
    scores = np.eye(4)[predicted]
    assert masks(truth, None, scores)["mean_iou"] == masks(truth, predicted)["mean_iou"]
    scores[0, 0, 0, 1] = np.nan
    assert masks(truth, None, scores)["mean_iou"] == Undefined("1 of 432 scores are not finite numbers")
    truth[0, 0, 0] = 7
    assert isinstance(masks(truth, None, scores, ignore_class=7)["mean_iou"], float)


@pytest.mark.parametrize(
    ("truth", "weight", "reason"),
    [
        (np.zeros((0, 2, 2), int), None, "no rows"),
        (np.zeros((1, 2, 2), int), np.zeros((1, 2, 2)), "zero weights: every row has weight 0"),
        (np.full((1, 2, 2), np.nan), None, "no row has a label yet: 4 pending"),
    ],
    ids=["empty", "zero weights", "pending"],
)
def test_without_usable_pixels_everything_is_undefined(truth: Any, weight: Any, reason: str) -> None:
    """Every metric gives the reason; no chart is drawn."""
    found = masks(truth, np.zeros(truth.shape, int), sample_weight=weight, labels=[0, 1])
    assert {value for _, _, value in found.values} == {Undefined(reason)}
    assert found.charts == {}


@given(
    st.integers(1, 8), st.integers(0, 1 << 30), st.lists(st.integers(0, 4), max_size=3),
    st.randoms(use_true_random=False), st.sampled_from([None, 1]),
)  # fmt: skip
def test_chunks_of_images_in_any_order_are_the_whole(
    count: int, seed: int, sizes: list[int], random: Any, ignore_class: int | None
) -> None:
    """Images in any order, in any chunks, some of them empty, give every value and chart of the whole."""
    rng = np.random.default_rng(seed)
    columns = {"y_true": rng.integers(0, 3, (count, 2, 3)), "y_pred": rng.integers(0, 3, (count, 2, 3))}
    columns["sample_weight"] = rng.integers(0, 3, (count, 2, 3)) / 2
    whole = masks(**columns, labels=[0, 1, 2], ignore_class=ignore_class)
    merged = in_chunks("segmentation", columns, cut(count, sizes, random), labels=[0, 1, 2], ignore_class=ignore_class)
    assert_same(merged, whole)
    assert merged.n == whole.n


def test_the_confusion_chart_counts_pixels() -> None:
    """It is scikit-learn's matrix of the pixels; the report has each class's overlap and pixels."""
    truth, predicted = images()
    charts = masks(truth, predicted).charts
    expected = metrics.confusion_matrix(truth.ravel(), predicted.ravel())
    assert np.asarray(charts["confusion"].columns["count"]).reshape(4, 4).tolist() == expected.tolist()
    assert list(charts["report"].columns) == ["class", "iou", "dice", "precision", "recall", "support", "predicted"]
    assert charts["report"].columns["support"].tolist() == np.bincount(truth.ravel()).tolist()


def test_states_with_another_ignored_class_do_not_merge() -> None:
    """Counts with and without the pixels of a class do not add up."""
    with pytest.raises(InvalidValue, match="ignore_class differs: None and 255"):
        new_states("segmentation", (0, 1)).merge(new_states("segmentation", (0, 1), ignore_class=255))
