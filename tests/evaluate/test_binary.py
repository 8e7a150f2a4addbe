"""The bundle for two classes, held against scikit-learn, published values and its own laws."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from ledger import Undefined
from ledger.errors import InvalidValue
from ledger.evaluate import ChartData, Evaluation, check, compute, conclude, evaluate, new_states

Array = np.ndarray[Any, Any]

LABEL_METRICS: dict[str, Callable[..., float]] = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "specificity": lambda y, p, **w: sk.recall_score(y, p, pos_label=0, **w),
    "npv": lambda y, p, **w: sk.precision_score(y, p, pos_label=0, **w),
    "fpr": lambda y, p, **w: 1 - sk.recall_score(y, p, pos_label=0, **w),
    "fnr": lambda y, p, **w: 1 - sk.recall_score(y, p, **w),
    "fdr": lambda y, p, **w: 1 - sk.precision_score(y, p, **w),
    "f1": sk.f1_score,
    "f2": lambda y, p, **w: sk.fbeta_score(y, p, beta=2, **w),
    "mcc": sk.matthews_corrcoef,
    "cohen_kappa": sk.cohen_kappa_score,
    "jaccard": sk.jaccard_score,
}
SCORE_METRICS: dict[str, Callable[..., float]] = {
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "brier": sk.brier_score_loss,
    "log_loss": sk.log_loss,
}


def rows(seed: int, n: int, decimals: int | None, weighted: bool) -> tuple[Array, Array, Array | None]:
    """Return truth, scores in 0 to 1 (rounded: with ties) and weights."""
    random = np.random.default_rng(seed)
    truth = (random.random(n) < 0.3).astype(int)
    truth[:2] = (0, 1)
    scores = np.clip(random.normal(0.35 + 0.2 * truth, 0.2), 0.001, 0.999)
    if decimals is not None:
        scores = np.clip(scores.round(decimals), 0.01, 0.99)
    return truth, scores, random.gamma(1, 1, n) if weighted else None


CASES = [(0, 500, None, False), (1, 500, 1, False), (2, 400, 1, True), (3, 300, None, True), (6, 7, 1, False)]


@pytest.mark.parametrize(("seed", "n", "decimals", "weighted"), CASES)
@pytest.mark.parametrize("name", [*LABEL_METRICS, *SCORE_METRICS])
def test_as_scikit_learn_has_it(name: str, seed: int, n: int, decimals: int | None, weighted: bool) -> None:
    """Each metric agrees to 1e-12, with and without ties and weights."""
    truth, scores, weight = rows(seed, n, decimals, weighted)
    predicted = scores > 0.5
    if name in LABEL_METRICS:
        expected = LABEL_METRICS[name](truth, predicted.astype(int), sample_weight=weight)
    else:
        expected = SCORE_METRICS[name](truth, scores, sample_weight=weight)
    found = compute(name, truth, y_score=scores, sample_weight=weight)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("seed", "n", "decimals", "weighted"), CASES)
def test_curves_as_scikit_learn_has_them(seed: int, n: int, decimals: int | None, weighted: bool) -> None:
    """ROC and PR have scikit-learn's points, calibration its bins; scikit-learn's rule is >=, so thresholds differ."""
    truth, scores, weight = rows(seed, n, decimals, weighted)
    charts = evaluate(truth, y_score=scores, sample_weight=weight).charts
    fpr, tpr, _ = sk.roc_curve(truth, scores, sample_weight=weight, drop_intermediate=False)
    roc = charts["roc"]
    # Point i of scikit-learn has the i greatest scores; ours has those above its threshold, the next one down.
    ascending = np.unique(scores)
    place = len(ascending) - np.searchsorted(ascending, roc.columns["threshold"], side="right")
    assert roc.columns["fpr"] == pytest.approx(fpr[place], abs=1e-12)
    assert roc.columns["tpr"] == pytest.approx(tpr[place], abs=1e-12)
    assert sk.auc(roc.columns["fpr"], roc.columns["tpr"]) == pytest.approx(roc.facts["auc"], rel=1e-12)
    precision, recall, _ = sk.precision_recall_curve(truth, scores, sample_weight=weight)
    assert charts["pr"].columns["precision"] == pytest.approx(precision[::-1], abs=1e-12)
    assert charts["pr"].columns["recall"] == pytest.approx(recall[::-1], abs=1e-12)
    if weight is None:
        share, mean = calibration_curve(truth, scores, n_bins=10)
        some = charts["calibration"].columns["weight"] > 0
        assert charts["calibration"].columns["positive_share"][some] == pytest.approx(share, rel=1e-12)
        assert charts["calibration"].columns["mean_score"][some] == pytest.approx(mean, rel=1e-12)


def test_every_point_of_the_roc_curve_is_a_corner() -> None:
    """Points inside a straight line are left out, all others are there: the path through them is the same."""
    found = compute("roc", [0, 0, 1, 1, 1, 0], y_score=[0.1, 0.2, 0.6, 0.7, 0.8, 0.65])
    assert isinstance(found, ChartData)
    assert found.columns["fpr"].tolist() == [0, 0, 1 / 3, 1 / 3, 1]
    assert found.columns["tpr"].tolist() == [0, 2 / 3, 2 / 3, 1, 1]
    assert found.columns["threshold"].tolist() == [0.8, 0.65, 0.6, 0.2, -math.inf]


@pytest.mark.parametrize(("seed", "n", "decimals", "weighted"), CASES)
def test_the_threshold_sheet_is_the_metrics_at_each_threshold(
    seed: int, n: int, decimals: int | None, weighted: bool
) -> None:
    """What the curve has at a threshold is what an evaluation with that threshold gives."""
    truth, scores, weight = rows(seed, n, decimals, weighted)
    sheet = evaluate(truth, y_score=scores, sample_weight=weight).charts["threshold"].columns
    for place in range(0, len(sheet["threshold"]), 7):
        at = evaluate(truth, y_score=scores, sample_weight=weight, threshold=sheet["threshold"][place], charts=False)
        for name in sheet:
            if name != "threshold":
                value = at[name]
                expected = math.nan if isinstance(value, Undefined) else value
                assert sheet[name][place] == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True), name


def test_the_best_threshold_is_the_middle_of_those_that_tie() -> None:
    """Of a stretch of thresholds that tie the middle, of several stretches the widest, of those the lowest."""
    chart = compute("threshold", [0, 0, 1, 1], y_score=[0.1, 0.395, 0.605, 0.9])
    assert isinstance(chart, ChartData)
    best = chart.facts["best"]
    assert best["f1"] == {"threshold": 0.5, "value": 1.0}  # 0.395 to 0.605
    assert best["fnr"] == {"threshold": pytest.approx((0.092 + 0.605) / 2), "value": 0.0}  # a bit below 0.1 to 0.605
    assert best["fpr"] == {"threshold": pytest.approx((0.395 + 0.9) / 2), "value": 0.0}  # 0.395 to 0.9
    tied = compute("threshold", [0, 1, 0, 1], y_score=[0.1, 0.2, 0.5, 0.6])
    assert isinstance(tied, ChartData)
    assert tied.facts["best"]["accuracy"] == {"threshold": pytest.approx(0.15), "value": 0.75}  # and 0.5 to 0.6


@pytest.mark.parametrize(("seed", "n", "decimals", "weighted"), CASES)
@pytest.mark.parametrize("scale", [1.0, 0.005, -40.0])
def test_the_best_threshold_is_the_best_there_is(
    seed: int, n: int, decimals: int | None, weighted: bool, scale: float
) -> None:
    """No score, and nothing below all scores, is a better threshold; and at the best one its value is what it says."""
    truth, scores, weight = rows(seed, n, decimals, weighted)
    scores = scores * scale
    chart = evaluate(truth, y_score=scores, sample_weight=weight).charts["threshold"]
    every = [
        evaluate(truth, y_score=scores, sample_weight=weight, threshold=at, charts=False)
        for at in [-math.inf, *np.unique(scores)]
    ]
    for name, found in chart.facts["best"].items():
        values = [value for one in every if not isinstance(value := one[name], Undefined)]
        best = min(values) if name in ("fpr", "fnr", "fdr") else max(values)
        assert found["value"] == pytest.approx(best, rel=1e-12, abs=1e-12), name
        at = evaluate(truth, y_score=scores, sample_weight=weight, threshold=found["threshold"], charts=False)
        assert at[name] == pytest.approx(best, rel=1e-12, abs=1e-12), name
        assert found["threshold"] in chart.columns["threshold"], name


def test_small_scores_have_a_sheet_of_their_own() -> None:
    """Scores of 0 to 0.005: the sheet and the histogram are where the scores are, and say so; f1 has a best value."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 2000)
    scores = (truth * 0.3 + random.random(2000) * 0.7) * 0.005
    charts = evaluate(truth, y_score=scores).charts
    sheet, histogram = charts["threshold"], charts["histogram"]
    assert sheet.facts["best"]["f1"]["value"] > 0.7
    assert scores.min() * 0.9 <= sheet.facts["best"]["f1"]["threshold"] <= scores.max()
    assert 90 < len(sheet.columns["threshold"]) <= 500
    assert sheet.columns["threshold"].max() <= scores.max()
    assert np.nanmax(np.abs(np.diff(sheet.columns["recall"]))) < 0.05
    assert histogram.facts["over"] == "least to greatest score"
    assert (histogram.columns["low"][0], histogram.columns["high"][-1]) == (scores.min(), scores.max())
    assert evaluate(truth, y_score=scores * 100).charts["histogram"].facts["over"] == "0 to 1"


def test_the_grid_is_refined_where_many_rows_lie_between_two_of_its_thresholds() -> None:
    """A class with rare scores above 0.01: most of its thresholds are quantiles; where the grid is enough, none is."""
    random = np.random.default_rng(1)
    truth, scores = random.integers(0, 2, 3000), random.random(3000)
    fine = evaluate(truth, y_score=scores).charts["threshold"]
    steep = evaluate(truth, y_score=scores**8).charts["threshold"]
    chosen = {one["threshold"] for one in fine.facts["best"].values()}
    assert set(fine.columns["threshold"]) - chosen <= set(np.arange(1, 100) / 100)
    assert (steep.columns["threshold"] < 0.01).sum() > 30


def test_values_by_hand() -> None:
    """A small table, worked out by hand."""
    found = evaluate([0, 0, 0, 1, 1, 1, 1, 0], y_score=[0.1, 0.4, 0.6, 0.5, 0.51, 0.9, 0.2, 0.5])
    assert [found[name] for name in ("accuracy", "precision", "recall", "specificity")] == [0.625, 2 / 3, 0.5, 0.75]
    assert [found[name] for name in ("npv", "fpr", "fnr", "fdr")] == [0.6, 0.25, 0.5, 1 / 3]
    assert found["f1"] == pytest.approx(4 / 7, rel=1e-15)
    assert found["f2"] == pytest.approx(10 / (10 + 8 + 1), rel=1e-15)
    assert found["roc_auc"] == pytest.approx(10.5 / 16, rel=1e-15)
    assert found["ks"] == 0.25
    confusion = found.charts["confusion"].columns
    assert confusion["count"].tolist() == [3, 1, 2, 2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("average_precision", 0.8333333333333333), ("roc_auc", 0.75), ("pr_auc", 0.7916666666666666)],
)
def test_the_textbook_case(name: str, expected: float) -> None:
    """scikit-learn's example; Keras' AUC(curve="PR") gives 0.797 for it."""
    assert compute(name, [0, 0, 1, 1], y_score=[0.1, 0.4, 0.35, 0.8]) == pytest.approx(expected, rel=1e-15)


def test_an_inverted_model_separates_as_well() -> None:
    """KS looks at both sides: neptune-contrib's gave 0 for a model that is always wrong."""
    assert compute("ks", [1, 1, 0, 0], y_score=[0.1, 0.2, 0.8, 0.9]) == 1.0
    assert compute("roc_auc", [1, 1, 0, 0], y_score=[0.1, 0.2, 0.8, 0.9]) == 0.0


def test_log_loss_is_computed_in_float64() -> None:
    """Certain and wrong costs 36.04 whatever the dtype, and it is said how many rows were clipped."""
    truth, scores = [1, 0, 1, 0], [0.0, 0.0, 1.0, 0.5]
    expected = (-math.log(2.220446049250313e-16) + math.log(2)) / 4
    for dtype in ("f2", "f4", "f8"):
        assert compute("log_loss", truth, y_score=np.array(scores, dtype)) == pytest.approx(expected, rel=1e-12)
    assert "log_loss clips 1 of 4 rows" in " ".join(evaluate(truth, y_score=scores).notices)


def test_scores_that_are_no_probabilities() -> None:
    """Ranks and thresholds work on any scores; brier, log_loss, ece and calibration say why they do not."""
    found = evaluate([0, 1, 0, 1], y_score=[-3.0, 2.0, 0.4, 5.0], threshold=1)
    assert (found["roc_auc"], found["accuracy"]) == (1.0, 1.0)
    reason = Undefined("scores are outside 0 to 1: -3 to 5")
    assert [found[name] for name in ("brier", "log_loss", "ece")] == [reason] * 3
    assert "calibration" not in found.charts
    grid = found.charts["threshold"].columns["threshold"]
    assert set(np.linspace(-3, 5, 101)[1:-1].round(6)) <= set(grid.round(6))
    assert len(grid) <= 99 + 13  # and the best ones


ALL = ("roc_auc", "average_precision", "ks")
UNDEFINED = [
    ([1, 1], [0.2, 0.9], "specificity", "no row is truly negative"),
    ([1, 1], [0.2, 0.9], "roc_auc", "one class in y_true"),
    ([1, 1], [0.2, 0.9], "ks", "one class in y_true"),
    ([0, 0], [0.2, 0.9], "average_precision", "no positive row"),
    ([0, 0], [0.2, 0.9], "recall", "no row is truly positive"),
    ([0, 0], [0.2, 0.3], "precision", "no row was predicted positive"),
    ([0, 0], [0.2, 0.3], "f1", "neither truth nor predictions have a positive"),
    ([0, 1], [0.2, 0.3], "mcc", "one class in y_true, or one class is predicted for every row"),
    ([1, 1], [0.2, 0.9], "cohen_kappa", "one class in y_true"),
    ([0, 1], [0.2, math.nan], "roc_auc", "1 of 2 scores are not finite numbers"),
    ([0, 1], [0.2, math.inf], "accuracy", "1 of 2 scores are not finite numbers"),
    ([], [], "accuracy", "no rows"),
    ([], [], "roc_auc", "no rows"),
    ([None, None], [0.2, 0.3], "f1", "no row has a label yet: 2 pending"),
]


@pytest.mark.parametrize(("truth", "scores", "name", "reason"), UNDEFINED)
def test_what_has_no_value_says_why(truth: list[Any], scores: list[float], name: str, reason: str) -> None:
    """No stand-in number: the value is undefined, and the rest of the bundle is there."""
    found = evaluate(truth, y_score=scores, kind="binary")
    assert found[name] == Undefined(reason)
    assert len(found.values) == 19


@pytest.mark.parametrize("truth", [[0, 0, 0], [1, 1, 1]])
def test_one_class_still_has_what_can_be_said(truth: list[int]) -> None:
    """Accuracy, brier and log_loss are fine with one class; balanced accuracy is that class's recall."""
    found = evaluate(truth, y_score=[0.1, 0.6, 0.4])
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, [0, 1, 0]))
    assert found["balanced_accuracy"] == found["accuracy"]
    assert found["brier"] == pytest.approx(sk.brier_score_loss(truth, [0.1, 0.6, 0.4]), rel=1e-12)
    assert found["log_loss"] == pytest.approx(sk.log_loss(truth, [0.1, 0.6, 0.4], labels=[0, 1]), rel=1e-12)
    assert set(found.charts) == {"confusion", "report", "calibration", "threshold", "histogram"}
    assert "no roc chart: one class in y_true" in found.notices


def test_zero_weights() -> None:
    """A row of weight 0 is as if it were not there; when all are, nothing has a value."""
    with_zero = evaluate([0, 1, 1, 0], y_score=[0.2, 0.6, 0.1, 0.9], sample_weight=[1, 2, 0, 3])
    without = evaluate([0, 1, 0], y_score=[0.2, 0.6, 0.9], sample_weight=[1, 2, 3])
    assert with_zero.values == without.values
    nothing = evaluate([0, 1], y_score=[0.2, 0.6], sample_weight=[0, 0])
    assert {repr(value) for _, _, value in nothing.values} == {repr(Undefined("zero weights: every row has weight 0"))}


def test_pending_rows_are_counted_and_left_out() -> None:
    """Rows without a truth change no value."""
    found = evaluate([0, None, 1, None], y_score=[0.2, 0.9, 0.7, 0.1], kind="binary")
    assert (found.n, found.pending) == (2, 2)
    assert found.values == evaluate([0, 1], y_score=[0.2, 0.7]).values


def test_text_labels_and_two_columns() -> None:
    """The greater label is positive unless labels= says otherwise; of two columns the last is the positive one's."""
    truth = np.array(["sick", "well", "sick", "well", "well"])
    scores = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9], [0.45, 0.55]])
    found = evaluate(truth, y_score=scores)
    assert found.labels == ("sick", "well")
    assert found["roc_auc"] == sk.roc_auc_score(truth, scores[:, 1])
    assert found.definitions["f1"]["positive"] == "well"
    turned = evaluate(truth, y_score=scores[:, ::-1], labels=["well", "sick"])
    assert turned["recall"] == found["specificity"]


def test_labels_alone() -> None:
    """Without scores, what needs them is left out and that is said; asked for by name, it is undefined."""
    found = evaluate([0, 1, 1], [0, 1, 0])
    assert [name for name, _, _ in found.values][-1] == "cohen_kappa"
    assert set(found.charts) == {"confusion", "report"}
    assert any("no scores were given: roc_auc" in notice for notice in found.notices)
    assert compute("auc", [0, 1, 1], [0, 1, 0]) == Undefined("no scores were given")


def test_the_definition_says_how_predictions_came_about() -> None:
    """A threshold belongs to the definition of what it decides, and to nothing else."""
    scored = evaluate([0, 1], y_score=[0.2, 0.7], threshold=0.3).definitions
    assert (scored["f1"]["threshold"], scored["f1"]["rule"]) == (0.3, "score > threshold")
    assert "threshold" not in scored["roc_auc"]
    assert scored["ece"]["bins"] == 10
    assert scored["log_loss"]["clip"] == np.finfo(float).eps
    assert "threshold" not in evaluate([0, 1], [0, 1]).definitions["f1"]


def test_gain_and_lift() -> None:
    """Tied scores are one step, so row order draws no other curve; the last point is everything."""
    truth, scores = [1, 0, 1, 0, 0], [0.9, 0.9, 0.5, 0.5, 0.1]
    charts = evaluate(truth, y_score=scores).charts
    assert charts["gain"].columns["share"].tolist() == [0, 0.4, 0.8, 1]
    assert charts["gain"].columns["gain"].tolist() == [0, 0.5, 1, 1]
    assert charts["gain"].columns["share_negative"].tolist() == pytest.approx([0, 0.2, 0.6, 1])
    assert charts["gain"].columns["gain_negative"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert charts["lift"].columns["lift"].tolist() == [1.25, 1.25, 1]


def test_calibration_bins() -> None:
    """Bins are (low, high], the first with 0; an empty one has weight 0 and NaN."""
    found = compute("calibration", [0, 1, 1, 0], y_score=[0.0, 0.5, 0.51, 1.0], bins=2)
    assert isinstance(found, ChartData)
    assert found.columns["weight"].tolist() == [2, 2]
    assert found.columns["mean_score"].tolist() == [0.25, 0.755]
    assert found.facts["ece"] == pytest.approx((0.25 * 2 + 0.255 * 2) / 4)
    empty = compute("reliability_curve", [0, 1], y_score=[0.1, 0.2], bins=2)
    assert isinstance(empty, ChartData)
    assert np.isnan(empty.columns["positive_share"][1])


def test_the_prediction_distribution_has_every_row() -> None:
    """The histogram of each class adds up to the class."""
    truth, scores, weight = rows(5, 300, None, weighted=True)
    found = evaluate(truth, y_score=scores, sample_weight=weight).charts["histogram"]
    assert weight is not None
    assert found.columns["positive"].sum() == pytest.approx(weight[truth == 1].sum())
    assert found.columns["negative"].sum() == pytest.approx(weight[truth == 0].sum())


SCORES = st.sampled_from([0.0, -0.0, 0.1, 0.3, 0.5, 0.7, 1.0]) | st.floats(0, 1)
ROWS = st.lists(st.tuples(st.booleans(), SCORES, st.sampled_from([0.5, 1.0, 3.0])), max_size=30)


def outcome(found: Evaluation) -> list[tuple[str, Any]]:
    """Return what an evaluation says, in a form that can be compared up to rounding."""
    values = [
        (name, value.reason if isinstance(value, Undefined) else pytest.approx(value, rel=1e-12, abs=1e-14))
        for name, _, value in found.values
    ]
    return [*values, *((name, len(chart.columns)) for name, chart in found.charts.items())]


def plain(found: Evaluation) -> list[tuple[str, Any]]:
    """Return the same with plain numbers."""
    values = [(name, value.reason if isinstance(value, Undefined) else value) for name, _, value in found.values]
    return [*values, *((name, len(chart.columns)) for name, chart in found.charts.items())]


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 30), st.booleans())
def test_order_and_chunks_do_not_matter(data: list[Any], random: Any, cut: int, weighted: bool) -> None:
    """Rows in any order, in any chunks, written out and read back between, give one answer."""
    whole = _evaluated([data], weighted)
    shuffled = random.sample(data, len(data))
    assert plain(_evaluated([shuffled], weighted)) == outcome(whole)
    assert plain(_evaluated([shuffled[cut:], [], shuffled[:cut]], weighted)) == outcome(whole)


def _evaluated(chunks: list[list[Any]], weighted: bool) -> Evaluation:
    total = new_states("binary", (0, 1))
    for chunk in chunks:
        truth, scores, weight = (np.array([row[i] for row in chunk], float) for i in range(3))
        states = new_states("binary", (0, 1))
        given_weight = weight if weighted else None
        states.update(check("binary", truth, y_score=scores, labels=(0, 1), sample_weight=given_weight))
        total.merge(type(states).from_dict(states.to_dict()))  # type: ignore[attr-defined]
    return conclude("binary", total)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, None]),
            st.floats() | st.sampled_from([0.0, 1.0, 0.5]),
            st.floats(1e-100, 1e100) | st.sampled_from([0.0, 1.0]),
        ),
        max_size=8,
    ),
    st.floats(allow_nan=False),
)
def test_nothing_stops_half_way(data: list[tuple[int | None, float, float]], threshold: float) -> None:
    """Whatever numbers come, there is a whole bundle, and no value in it is NaN or infinite."""
    truth, scores, weight = ([row[i] for row in data] for i in range(3))
    found = evaluate(truth, y_score=scores, sample_weight=weight, kind="binary", threshold=threshold)
    assert len(found.values) == 19
    assert all(isinstance(value, Undefined) or math.isfinite(value) for _, _, value in found.values)


@pytest.mark.parametrize(
    "scores",
    [
        [1e308, -1e308, 0.0],
        [1.7e308, 1.7e308, 1.7e308],
        [-5e-324, 0.0, 1.0],
        [1e16, 1e16 + 2, 1e16 + 4],
        [1e17, 1e17, 1e17],
        [-3.0, -3.0, -3.0],
    ],
)
def test_the_charts_of_scores_at_the_ends_of_float64(scores: list[float]) -> None:
    """Bars ascend and hold every row; thresholds lie between the least score, or just below, and the greatest."""
    charts = evaluate([0, 1, 1], y_score=scores, kind="binary").charts
    columns = charts["histogram"].columns
    assert (columns["low"] < columns["high"]).all()
    assert np.isfinite([columns["low"], columns["high"]]).all()
    assert columns["low"][0] <= min(scores) <= max(scores) <= columns["high"][-1]
    assert (columns["negative"].sum(), columns["positive"].sum()) == (1, 2)
    grid = charts["threshold"].columns["threshold"]
    assert np.isfinite(grid).all()
    assert (grid[grid < min(scores)] == grid[0]).all()
    assert (grid <= max(scores)).all()


@pytest.mark.parametrize("bins", [0, -1, True, 2.5, "ten", 10**9])
def test_bins_that_are_refused(bins: Any) -> None:
    """A number of bins that there cannot be is an error, not a machine without memory."""
    with pytest.raises(InvalidValue, match="bins must be a whole number above 0 and at most 10000"):
        evaluate([0, 1], y_score=[0.1, 0.9], bins=bins)
