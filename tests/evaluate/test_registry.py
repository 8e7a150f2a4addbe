"""Metrics by name and alias, and metrics of the user's own."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn import metrics as sk

from ledger import Undefined
from ledger.errors import InvalidValue, NoSuchMetric, UsageError
from ledger.evaluate import ChartData, Stream, compute, evaluate, lookup, new_states, register, unregister
from ledger.evaluate.kinds import KINDS
from ledger.format.goals import known_goal
from ledger.format.names import check_metric
from ledger.format.values import to_params

TRUTH, SCORES = [0, 1, 1, 0, 1], [0.2, 0.7, 0.4, 0.6, 0.9]
LABELS = [0, 1, 0, 1, 1]


@pytest.fixture(autouse=True)
def _no_metrics_left() -> Any:
    """Take away what a test registers."""
    before = set(lookup._added)
    yield
    for name in set(lookup._added) - before:
        unregister(name)


NEPTUNE = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1_score": "f1",
    "f2_score": "f2",
    "matthews_corrcoef": "mcc",
    "cohen_kappa": "cohen_kappa",
    "true_positive_rate": "recall",
    "true_negative_rate": "specificity",
    "positive_predictive_value": "precision",
    "negative_predictive_value": "npv",
    "false_positive_rate": "fpr",
    "false_negative_rate": "fnr",
    "false_discovery_rate": "fdr",
    "roc_auc": "roc_auc",
    "avg_precision": "average_precision",
    "brier_loss": "brier",
    "log_loss": "log_loss",
    "ks_statistic": "ks",
}


@pytest.mark.parametrize(("alias", "name"), NEPTUNE.items())
def test_neptunes_names_are_known(alias: str, name: str) -> None:
    """The 19 scalars of its bundle can be asked for by its names, and are stored by ours."""
    assert len(NEPTUNE) == 19
    assert compute(alias, TRUTH, y_score=SCORES) == evaluate(TRUTH, y_score=SCORES)[name]


@pytest.mark.parametrize("name", ["ROC-AUC", "roc auc", "RocAuc", "AUC", "auroc", "neg_roc_auc"])
def test_spelling_does_not_matter(name: str) -> None:
    """Case, blanks and hyphens are passed over, and so is the neg_ of a scorer."""
    assert compute(name, TRUTH, y_score=SCORES) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("acuracy", "did you mean accuracy"), ("confusionmatrix", "confusion_matrix"), ("qqqqqq", "there are accuracy")],
)
def test_an_unknown_name_gives_the_nearest(name: str, hint: str) -> None:
    """A slip is answered with what may have been meant, anything else with what there is."""
    with pytest.raises(NoSuchMetric, match=f"(?s)there is no metric or chart '{name}'.*{hint}"):
        compute(name, TRUTH, y_score=SCORES)


def test_a_metric_of_another_kind() -> None:
    """A name that one kind alone has says the kind; with another kind it is refused."""
    assert compute("mae", [0, 1], [1, 1]) == 0.5
    with pytest.raises(UsageError, match="'mae' is for kind regression, and kind is binary"):
        compute("mae", [0, 1], [1, 1], kind="binary")


def test_charts_by_name() -> None:
    """Charts are asked for in the same way."""
    found = compute("confusion_matrix", TRUTH, LABELS)
    assert isinstance(found, ChartData)
    assert found.columns["count"].tolist() == [1, 1, 1, 2]


def test_options_reach_the_metric() -> None:
    """Options are those of the kind; others are refused with the list of those there are."""
    assert compute("fbeta", TRUTH, LABELS, beta=0.5) == pytest.approx(sk.fbeta_score(TRUTH, LABELS, beta=0.5))
    with pytest.raises(UsageError, match=r"(?s)kind binary has no option 'betta'.*threshold, bins, beta"):
        compute("fbeta", TRUTH, LABELS, betta=0.5)
    with pytest.raises(InvalidValue, match="bins must be a whole number above 0 and at most 10000, not 0"):
        evaluate(TRUTH, y_score=SCORES, bins=0)
    with pytest.raises(InvalidValue, match="beta must be a number above 0, not 'two'"):
        evaluate(TRUTH, y_score=SCORES, beta="two")
    with pytest.raises(InvalidValue, match="there is no kind 'ternary'"):
        evaluate(TRUTH, y_score=SCORES, kind="ternary")


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_is_sound(kind: str) -> None:
    """No name or alias is given twice, each can be stored, has its goal, its formula and its version."""
    metrics = lookup.bundle(kind).metrics
    names = [metric.name for metric in metrics]
    words = [*names, *(alias for metric in metrics for alias in metric.aliases)]
    assert sorted(set(words)) == sorted(words)
    for metric in metrics:
        assert check_metric(metric.name) == metric.name
        assert metric.kinds == (kind,)
        assert metric.about
        assert metric.definition["version"] == 1
        assert metric.goal == known_goal(metric.name) or known_goal(metric.name) is None
    assert set(words) & set(lookup.bundle(kind).charts) <= {"ks"}  # whose chart is asked for as ks_curve


THREE = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.5, 0.4, 0.1]])
SAMPLES: dict[str, dict[str, Any]] = {
    "binary": {"y_true": TRUTH, "y_score": SCORES},
    "multiclass": {"y_true": ["a", "b", "c", "b"], "y_score": THREE},
    "multilabel": {"y_true": [[1, 0, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0]], "y_score": THREE},
    "regression": {"y_true": [1.0, 2.5, 4.0], "y_pred": [1.5, 2.0, 4.5], "normalizer": 2.0},
    "segmentation": {"y_true": [[[0, 1], [1, 2]]], "y_pred": [[[0, 1], [2, 2]]]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_can_be_stored(kind: str) -> None:
    """Values are floats, or undefined with a reason; facts and definitions are plain; columns are of one length."""
    found = evaluate(**SAMPLES[kind], kind=kind)
    assert found.values
    for name, context, value in found.values:
        assert type(value) is float or isinstance(value, Undefined), (name, context, value)
        assert context is None or (list(context) == ["class"] and context["class"] in found.labels)
        assert found.value(name, **(context or {})) == value
        if context is None:
            assert compute(name, **SAMPLES[kind], kind=kind) == value
    assert found.definitions.keys() == {name for name, _, _ in found.values}
    assert to_params(found.definitions)
    for name, chart in found.charts.items():
        assert len({len(column) for column in chart.columns.values()}) == 1, name
        assert all(isinstance(column, list) or column.ndim == 1 for column in chart.columns.values())
        msgspec.json.encode(chart.facts)
        made = compute(name + "_curve" if name == "ks" else name, **SAMPLES[kind], kind=kind)
        assert isinstance(made, ChartData), name
        assert made.columns.keys() == chart.columns.keys()


def test_a_value_that_is_not_there() -> None:
    """The error says what the evaluation has."""
    with pytest.raises(NoSuchMetric, match=r"(?s)no metric 'mae'.*it has accuracy, balanced_accuracy"):
        evaluate(TRUTH, y_score=SCORES)["mae"]


def test_the_stored_names_are_the_agreed_ones() -> None:
    """What binary evaluations write, in this order; other programs read these names."""
    names = [name for name, _, _ in evaluate(TRUTH, y_score=SCORES).values]
    assert " ".join(names) == (
        "accuracy balanced_accuracy precision recall specificity npv fpr fnr fdr f1 f2 mcc cohen_kappa roc_auc "
        "average_precision ks brier log_loss ece"
    )


def test_a_guessed_kind_is_said() -> None:
    """The first notice says it; a given kind needs none."""
    assert evaluate(TRUTH, LABELS).notices[0].startswith("kind is binary, guessed")
    assert not any("guessed" in notice for notice in evaluate(TRUTH, LABELS, kind="binary").notices)


def test_a_function_of_the_users_own() -> None:
    """It gets the labels as they were given, without pending rows, and is in the bundle and by name."""

    @register(kinds="binary", goal="maximize")
    def share_of_yes(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Give the share of rows that both sides call yes."""
        return float(np.mean((y_true == "yes") & (y_pred == "yes")))

    truth, predicted = ["yes", "no", None, "yes"], ["yes", "yes", "yes", "no"]
    found = evaluate(truth, predicted, kind="binary")
    assert found["share_of_yes"] == pytest.approx(1 / 3)
    assert compute("share_of_yes", truth, predicted) == found["share_of_yes"]
    assert found.definitions["share_of_yes"]["from"].endswith("share_of_yes")
    assert len(found.definitions["share_of_yes"]["source_sha256"]) == 64


def test_a_function_with_y_score_is_given_scores() -> None:
    """Beside y_pred or in its place; scikit-learn's own functions are such functions."""
    register(sk.roc_auc_score, name="sk_auc", kinds="binary")
    register(lambda y_true, y_pred, y_score: float(np.mean(y_score[y_pred == y_true])), name="sure", kinds="binary")
    assert compute("sk_auc", TRUTH, y_score=SCORES) == sk.roc_auc_score(TRUTH, SCORES)
    assert compute("sure", TRUTH, y_score=SCORES) == pytest.approx((0.2 + 0.7 + 0.9) / 3)
    assert compute("sk_auc", TRUTH, LABELS) == Undefined("no scores were given")


class Hits:
    """Keras style: a share of hits, kept over updates."""

    def __init__(self) -> None:
        self.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count."""
        weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
        self.hits += float(np.sum(weight * (y_true == y_pred)))
        self.rows += float(np.sum(weight))

    def result(self) -> np.float32:
        """Give the share."""
        return np.float32(self.hits / self.rows)

    def reset_state(self) -> None:
        """Start anew."""
        self.hits = self.rows = 0.0


class OldHits(Hits):
    """The older spelling."""

    reset_states = Hits.reset_state


class Agreement:
    """torchmetrics style: predictions first."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, Any]] = []

    def update(self, preds: Any, target: Any) -> None:
        """Keep."""
        self.seen.append((list(preds), list(target)))

    def compute(self) -> float:
        """Give the share of positive predictions that are right."""
        preds, target = self.seen[-1]
        return sum(p and t for p, t in zip(preds, target, strict=True)) / sum(preds)

    def reset(self) -> None:
        """Forget."""
        self.seen.clear()


@pytest.mark.parametrize("metric", [Hits, Hits(), OldHits, OldHits()])
def test_a_class_of_the_users_own(metric: Any) -> None:
    """A class or an object, asked twice: it starts anew each time."""
    register(metric, name="hits", kinds=["binary"])
    weight = [1.0, 2.0, 1.0, 1.0, 3.0]
    for _ in range(2):
        assert compute("hits", TRUTH, LABELS) == pytest.approx(0.6)
        assert compute("hits", TRUTH, LABELS, sample_weight=weight) == pytest.approx(6 / 8)


@pytest.mark.parametrize("metric", [Agreement, Agreement()])
def test_torchmetrics_order(metric: Any) -> None:
    """Where the first parameter is called preds, predictions come first."""
    register(metric, name="agreement", kinds="binary")
    assert compute("agreement", [0, 1, 1], [1, 1, 1]) == pytest.approx(2 / 3)


def test_a_class_that_wants_scores() -> None:
    """needs="scores" gives them in the place of y_pred, as Keras' AUC expects."""

    class MeanScore(Hits):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.hits, self.rows = float(np.sum(y_pred)), len(y_true)

    register(MeanScore, kinds="binary", needs="scores")
    assert compute("mean_score", TRUTH, y_score=SCORES) == pytest.approx(np.mean(SCORES))


def raising(y_true: Any, y_pred: Any) -> float:
    """Fail."""
    raise ValueError("too bad")


@pytest.mark.parametrize(
    ("metric", "weight", "reason"),
    [
        (raising, None, "mine raised ValueError: too bad"),
        (lambda y_true, y_pred: math.nan, None, "mine returned nan"),
        (lambda y_true, y_pred: None, None, "metric 'mine' must be a number, not NoneType: None"),
        (lambda y_true, y_pred: Undefined("no such thing"), None, "no such thing"),
        (lambda y_true, y_pred: 1.0, [1] * 5, "mine takes no sample_weight, and weights were given"),
    ],
)
def test_a_users_metric_never_breaks_the_bundle(metric: Any, weight: Any, reason: str) -> None:
    """What it raises or returns instead of a number is the reason why it has no value."""
    register(metric, name="mine", kinds="binary")
    found = evaluate(TRUTH, LABELS, sample_weight=weight)
    assert found["mine"] == Undefined(reason)
    assert found["accuracy"] == 0.6


def test_a_users_metric_without_rows() -> None:
    """It is not called for nothing."""
    register(raising, name="mine", kinds="binary")
    assert evaluate([], y_score=[], kind="binary")["mine"] == Undefined("no rows")
    assert evaluate([None], y_score=[0.3], kind="binary")["mine"] == Undefined("no row has a label yet: 1 pending")


@pytest.mark.parametrize(
    ("metric", "given", "message"),
    [
        (raising, {"name": "accuracy", "kinds": "binary"}, "ledger has a metric 'accuracy' for kind binary itself"),
        (raising, {"name": "auc", "kinds": "binary"}, "for kind binary itself, as roc_auc"),
        (raising, {"kinds": "ternary"}, "there is no kind 'ternary' of evaluation"),
        (raising, {"goal": "up"}, "goal must be 'maximize' or 'minimize', not 'up'"),
        (raising, {"needs": "logits"}, "needs must be 'labels' or 'scores', not 'logits'"),
        (lambda y_true, y_pred: 0.0, {}, "the metric <lambda> needs a name"),
        (dict, {}, "the metric 'dict' is neither a function nor a class with update_state and result"),
        (3, {"name": "three"}, "the metric 'three' is neither"),
    ],
)
def test_what_cannot_be_registered(metric: Any, given: dict[str, Any], message: str) -> None:
    """It is said what is wrong, and nothing is added."""
    before = dict(lookup._added)
    with pytest.raises(UsageError, match=message):
        register(metric, **given)
    assert lookup._added == before


def test_an_entry_point_is_loaded_when_its_name_is_asked_for(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package offers a metric in the group ledger.metrics; nothing is loaded before."""
    (tmp_path / "metric_of_a_package.py").write_text(
        "def gap(y_true, y_pred):\n    return float(sum(y_pred - y_true))\n"
    )
    info = tmp_path / "package_with_a_metric-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: package-with-a-metric\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ledger.metrics]\nsum_gap = metric_of_a_package:gap\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "sum_gap" not in [name for name, _, _ in evaluate(TRUTH, LABELS).values]
    assert compute("sum_gap", [0, 1, 1], [1, 1, 1]) == 1.0
    assert "sum_gap" in lookup._added


@pytest.mark.parametrize(
    ("module", "points", "said"),
    [
        ("", {"a": "metric_{}:nothing"}, "cannot be loaded: AttributeError: "),
        ("", {"a": "absent_{}:gap"}, "cannot be loaded: ModuleNotFoundError: No module named 'absent_"),
        ("1 / 0", {"a": "metric_{}:gap"}, "cannot be loaded: ZeroDivisionError: division by zero"),
        ("gap = 3", {"a": "metric_{}:gap"}, "is neither a function nor a class"),
        ("def gap(y_true, y_pred): return 1.0", {"a": "metric_{}:gap", "b": "metric_{}:other"}, "2 installed packages"),
    ],
    ids=["no such name", "no such module", "fails", "no metric", "offered twice"],
)
def test_an_entry_point_that_is_broken_is_an_error_that_names_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, request: Any, module: str, points: dict[str, str], said: str
) -> None:
    """Whatever the package's own code does; the metrics that do not come from it are there as before."""
    number = str(abs(hash(request.node.name)) % 10**8)
    (tmp_path / f"metric_{number}.py").write_text(module + "\n")
    for package, point in points.items():
        info = tmp_path / f"package_{package}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: package-{package}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[ledger.metrics]\nbroken_gap = {point.format(number)}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=said) as raised:
        compute("broken_gap", [0, 1, 1], [1, 1, 1])
    assert "broken_gap" in raised.value.message
    assert compute("accuracy", [0, 1, 1], [1, 1, 1]) == pytest.approx(2 / 3)


class Merging(Hits):
    """Hits of several processes can be added."""

    def merge(self, other: "Merging") -> None:
        """Add the other's."""
        self.hits += other.hits
        self.rows += other.rows


def gap(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Give a weighted mean of differences."""
    return float(np.average(y_pred - y_true, weights=sample_weight))


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 1.0, 1.0, 3.0]])
def test_chunks_are_the_whole(merged: bool, weight: Any) -> None:
    """Rows in chunks, one stream or several merged, give what all rows at once give, users' metrics too."""
    register(Merging, name="merging", kinds="binary")
    register(gap, name="gap", kinds="binary")
    whole = evaluate(TRUTH, LABELS, SCORES, sample_weight=weight, kind="binary", threshold=0.3)
    streams = [Stream("binary", (0, 1), threshold=0.3) for _ in range(3 if merged else 1)]
    for place, rows in enumerate((slice(0, 2), slice(2, 2), slice(2, 5))):
        part = None if weight is None else weight[rows]
        streams[place % len(streams)].update(TRUTH[rows], LABELS[rows], SCORES[rows], part)
    for other in streams[1:]:
        streams[0].merge(other)
    found = streams[0].evaluation()
    assert found.values == whole.values
    assert found.definitions == whole.definitions
    assert set(found.charts) == set(whole.charts)
    assert streams[0].value("merging") == whole["merging"]
    assert streams[0].value("auc") == whole["roc_auc"]


def test_a_class_without_merge_is_not_merged() -> None:
    """Where both sides have rows there would be no right answer."""
    register(Hits, name="hits", kinds="binary")
    one, two, nothing = (Stream("binary", (0, 1)) for _ in range(3))
    one.update(TRUTH, LABELS)
    nothing.merge(one)
    assert nothing.value("hits") == pytest.approx(0.6)
    two.update(TRUTH, LABELS)
    with pytest.raises(UsageError, match="the metric 'hits' has no method merge"):
        one.merge(two)


def test_a_stream_needs_labels() -> None:
    """Labels that are found in a chunk may not be those of the next."""
    with pytest.raises(UsageError, match="chunks of kind multiclass need labels"):
        Stream("multiclass").update([0, 1, 2], [0, 1, 1])
    with pytest.raises(InvalidValue, match="the threshold must be a number, not 'half'"):
        Stream("binary", (0, 1), threshold="half")
    assert compute("accuracy", TRUTH, y_score=SCORES, threshold=np.float32(0.5)) == 0.6


def test_chunks_need_the_options_of_their_kind() -> None:
    """States for chunks are made with the same options, and refuse others."""
    assert new_states("binary", (0, 1), threshold=0.3, bins=5).rows.n == 0
    assert new_states("regression", threshold=0.3).rows.n == 0
    with pytest.raises(UsageError, match="kind binary has no option 'normalizer'"):
        new_states("binary", (0, 1), normalizer=2.0)
