"""Kind and labels told from rows that stand for all: the same as from all rows at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidValue
from ledger.evaluate import check, guess, survey
from ledger.evaluate.survey import Survey

NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0]), st.sampled_from([-1.0, 1.0, float("nan")]), st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.integers(0, 5).map(float), st.floats(-3, 3),
)  # fmt: skip
COLUMNS = st.one_of(
    st.lists(NUMBERS, min_size=1, max_size=30),
    st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=30),
    st.lists(st.integers(-1, 3), min_size=1, max_size=30),
    st.lists(st.booleans(), min_size=1, max_size=30),
)


def outcome(work: Any) -> Any:
    """Return what a call returns, or that it raises InvalidValue."""
    try:
        return work()
    except InvalidValue:
        return InvalidValue


@given(COLUMNS, st.data(), st.sampled_from(["pred", "score", "both"]), st.booleans(), st.integers(1, 7))
def test_a_survey_tells_what_all_rows_tell(
    truth: list[Any], data: st.DataObject, beside: str, weighted: bool, size: int
) -> None:
    """Kind and labels are those of `guess` and `check` of the whole, in chunks of any size."""
    n = len(truth)
    rows: dict[str, Any] = {"y_true": truth}
    if beside != "score":
        rows["y_pred"] = data.draw(COLUMNS.map(lambda values: (values * n)[:n]))
    if beside != "pred":
        rows["y_score"] = [0.25] * n
    if weighted:
        rows["sample_weight"] = data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n))
    whole = {name: np.array(v, object if None in v or isinstance(v[0], str) else None) for name, v in rows.items()}
    found = Survey()
    if outcome(lambda: guess(whole["y_true"], whole.get("y_pred"), whole.get("y_score"))) is InvalidValue:
        return
    for start in range(0, n, size):
        found.update(**{name: values[start : start + size] for name, values in whole.items()})
    assert found.complete
    kind = guess(whole["y_true"], whole.get("y_pred"), whole.get("y_score"))
    assert found.kind() == kind
    if kind != "regression":
        expected = outcome(lambda: check(kind, **whole).labels)
        assert outcome(lambda: found.labels(kind, 0.5)) == expected


def test_more_labels_than_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that it does not stand for all; that values are a regression is seen all the same."""
    monkeypatch.setattr(survey, "LABELS_MAX", 10)
    found = Survey()
    values = np.arange(40) / 8
    for start in range(0, 40, 8):
        found.update(values[start : start + 8], values[start : start + 8])
    assert not found.complete
    assert found.kind() == "regression"
