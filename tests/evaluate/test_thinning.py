"""Curves with fewer vertices: the area under them stays, and so do the ends and the best vertex."""

import numpy as np
import pytest

from ledger.evaluate import ChartData, evaluate
from ledger.evaluate.thinning import AREA_MAX, CURVES, VERTICES_MAX, thinned


def charts_of(rows: int, classes: int = 2) -> dict[str, ChartData]:
    """The charts of scores that tell the classes apart somewhat."""
    random = np.random.default_rng(rows)
    truth = random.integers(0, classes, rows)
    if classes == 2:
        return evaluate(truth, y_score=np.clip(random.normal(truth * 0.2 + 0.4, 0.2), 0, 1), kind="binary").charts
    scores = random.dirichlet(np.ones(classes), rows)
    scores[np.arange(rows), truth] += 0.1
    return evaluate(truth, y_score=scores / scores.sum(axis=1, keepdims=True), kind="multiclass").charts


def area(x: np.ndarray, y: np.ndarray) -> float:
    """The area under straight lines, of a frame of width and height 1."""
    x, y = ((of - of.min()) / (of.max() - of.min()) for of in (x, y))
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


@pytest.mark.parametrize("kind", list(CURVES))
def test_long_curves_keep_their_area_their_ends_and_their_best_vertex(kind: str) -> None:
    """Of 100 000 rows at most some hundred vertices stay, all of them vertices of the exact curve, in its order."""
    exact = charts_of(100_000)[kind]
    found = thinned(exact)
    size = len(exact.columns[CURVES[kind][0][0]])
    (x, y), *_ = CURVES[kind]
    assert len(found.columns[x]) <= 4 * VERTICES_MAX < size == found.facts["vertices"]
    for x, y in CURVES[kind]:
        assert abs(area(found.columns[x], found.columns[y]) - area(exact.columns[x], exact.columns[y])) < AREA_MAX
        assert (found.columns[x][0], found.columns[y][0]) == (exact.columns[x][0], exact.columns[y][0])
        assert (found.columns[x][-1], found.columns[y][-1]) == (exact.columns[x][-1], exact.columns[y][-1])
        assert (np.diff(found.columns[x]) >= 0).all()
    points = set(zip(*(column.tolist() for column in exact.columns.values()), strict=True))
    assert set(zip(*(column.tolist() for column in found.columns.values()), strict=True)) <= points


def test_the_vertex_that_is_read_off_stays() -> None:
    """Greatest distance of the KS curves, greatest tpr - fpr, greatest F1: as of the exact curves."""
    exact = charts_of(100_000)
    found = {kind: thinned(chart).columns for kind, chart in exact.items()}
    for kind, best in {
        "roc": lambda c: np.max(c["tpr"] - c["fpr"]),
        "ks": lambda c: np.max(np.abs(c["positive"] - c["negative"])),
        "pr": lambda c: np.nanmax(2 * c["recall"] * c["precision"] / (c["recall"] + c["precision"])),
    }.items():
        assert best(found[kind]) == best(exact[kind].columns)
    assert exact["ks"].facts["at"] in found["ks"]["score"]


def test_short_curves_and_other_charts_stay_as_they_are() -> None:
    """Bit for bit, without a word."""
    for chart in charts_of(200).values():
        assert thinned(chart) is chart


def test_each_class_keeps_its_curve() -> None:
    """Every class has both its ends; the classes stay in order; the fact counts the vertices of all."""
    exact = charts_of(4000, classes=5)["roc"]
    found = thinned(exact)
    assert list(dict.fromkeys(found.columns["class"])) == [0, 1, 2, 3, 4]
    assert found.columns["class"] == sorted(found.columns["class"])
    assert found.facts["vertices"] == len(exact.columns["class"]) > len(found.columns["class"])
    for label in range(5):
        mine = np.array(found.columns["class"]) == label
        assert (found.columns["fpr"][mine][0], found.columns["tpr"][mine][-1]) == (0.0, 1.0)


def test_a_large_confusion_matrix_leaves_out_empty_pairs() -> None:
    """The counts that are there add up to all rows, and `labels` has every label."""
    truth = np.arange(300) % 60
    exact = evaluate(truth, truth, kind="multiclass").charts["confusion"]
    found = thinned(exact)
    assert len(exact.columns["count"]) == 3600
    assert (len(found.columns["true"]), found.columns["count"].sum(), len(found.facts["labels"])) == (60, 300, 60)


def test_a_curve_that_cannot_be_thinned_stays_whole() -> None:
    """One that goes up and down at random, so that every vertex matters, keeps them all."""
    x = np.linspace(0, 1, 1200)
    chart = ChartData("pr", {"recall": x, "precision": np.random.default_rng(0).random(1200), "threshold": x})
    assert thinned(chart) is chart
