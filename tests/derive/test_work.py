"""One set of predictions computed: what is remembered of columns, and what travels to other processes."""

import pickle
from typing import Any

import numpy as np
import pytest

import ledger
from ledger.derive import recipes, work
from ledger.derive.work import Columns
from ledger.errors import UsageError
from ledger.format.predictions import column
from ledger.store import blobs

pytestmark = pytest.mark.usefixtures("workdir")


def of(megabytes: float) -> Any:
    """Return a column of so many MiB."""
    return column("float64", np.zeros(int(megabytes * 2**17)), None)


def test_columns_are_remembered_within_bounds() -> None:
    """The one that was used longest ago goes first; one alone may be larger than all that is remembered."""
    known = Columns()
    for i in range(6):
        known[i] = of(10)
    assert list(known) == [0, 1, 2, 3, 4, 5]
    assert known.get(0) is not None
    known[6] = of(10)
    assert list(known) == [2, 3, 4, 5, 0, 6]
    known[7] = of(100)
    assert list(known) == [7]
    assert known.bytes == 100 << 20
    assert known.get(0) is None
    known[7] = of(1)
    assert known.bytes == 1 << 20


def test_columns_that_runs_share_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that were evaluated on the same rows share their truth, whatever their order."""
    truths = [np.arange(50) % 2, np.arange(50) % 3 % 2]
    for i in range(6):
        with ledger.start(f"r{i}") as run:
            run.log_predictions("test", y_true=truths[i % 2], y_score=np.random.default_rng(i).random(50))
    found: list[str] = []
    real = blobs.get
    monkeypatch.setattr(blobs, "get", lambda tree, sha, kind: found.append(sha) or real(tree, sha, kind))  # type: ignore[func-returns-value]
    monkeypatch.setattr(work, "_mine", type(work._mine)())
    assert len(ledger.open().backfill(["roc_auc", "f1"], all=True).cells) == 12
    assert len(found) == len(set(found)) == 8


def test_a_recipe_travels() -> None:
    """What is unpacked elsewhere is what was packed."""
    found = recipes.recipe(["f1", "binary"], threshold=0.25, charts=False)
    assert pickle.loads(pickle.dumps(found)) == found


def test_names_by_kind() -> None:
    """A name that means different metrics by kind is known when the kind is."""
    (item,) = recipes.recipe(["pr_auc"]).items
    assert item.name_for("binary") == "pr_auc"
    assert item.name_for(None) is None
    (item,) = recipes.recipe(["rmse"]).items
    assert item.name_for(None) == "rmse"


def test_an_option_of_some_kind_is_taken() -> None:
    """Where the kind is not said, an option of any kind that the metric is for will do; the rest is refused."""
    assert recipes.recipe(["fbeta"], options={"beta": 2}).options == {"beta": 2}
    with pytest.raises(UsageError, match="no option 'normalizer'"):
        recipes.recipe(["fbeta"], options={"normalizer": 2})
    assert recipes.recipe(["fbeta"], options={"beta": None}).options == {}
