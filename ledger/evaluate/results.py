"""What an evaluation gives: values, chart data, and the definitions that tell one `f1` from another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np

from ledger.errors import NoSuchMetric
from ledger.format.values import Undefined

if TYPE_CHECKING:
    import pandas as pd

Value: TypeAlias = float | Undefined

_SHOWN = 5

EPSILON = float(np.finfo(np.float64).eps)  # probabilities are clipped to it before a logarithm


class ChartData(msgspec.Struct, eq=False):
    """The numbers that a chart is drawn from.

    `columns` are of one length, in order, each an array or a list; `facts` are single values that belong to them
    (auc, n, labels, best threshold), plain JSON values or Undefined. NaN in a column stands for what is undefined.
    """

    kind: str
    columns: dict[str, np.ndarray[Any, Any] | list[Any]]
    facts: dict[str, Any] = {}


class Evaluation(msgspec.Struct, eq=False):
    """The whole evaluation of one model on one set of rows.

    `n` counts rows whose truth is known, `pending` those whose truth is missing, `invalid` those (of the n) that have
    a score or a prediction which is no finite number. `values` are (name, context, value) in a fixed order, the
    context `{"class": label}` or None; `definitions` say how each name was computed; `notices` what should be known,
    of which `warnings` must be said; `left_out` has the charts without data, each with the reason; `aliases` other
    names of the values.

    It is a mapping of names to the values over all classes: `found["roc_auc"]`, `"auc" in found`, `dict(found)`; a
    name is also found by its aliases.
    """

    kind: str
    n: int
    pending: int
    invalid: int
    labels: tuple[Any, ...]
    values: list[tuple[str, dict[str, Any] | None, Value]]
    charts: dict[str, ChartData]
    definitions: dict[str, dict[str, Any]]
    notices: list[str]
    warnings: list[str] = []
    left_out: dict[str, str] = {}
    aliases: dict[str, str] = {}

    def __getitem__(self, name: str) -> Value:
        """Return the value of a name or alias, over all classes; raises NoSuchMetric."""
        return self.value(name)

    def value(self, name: str, **context: Any) -> Value:
        """Return the value of a name or alias, with a context (`**{"class": "cat"}`) that of one class."""
        found = self._find(name, context)
        if found is None:
            names = ", ".join(dict.fromkeys(found for found, _, _ in self.values))
            what = f"{name!r} with {context}" if context else repr(name)
            raise NoSuchMetric(f"the evaluation has no metric {what}", hint=f"it has {names}")
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name or alias, over all classes, or the default where there is none."""
        found = self._find(name, {})
        return default if found is None else found

    def keys(self) -> list[str]:
        """Return the stored names of the values over all classes, in order."""
        return [name for name, context, _ in self.values if not context]

    def __iter__(self) -> Iterator[str]:
        """Iterate over `keys`."""
        return iter(self.keys())

    def __len__(self) -> int:
        """How many values over all classes there are."""
        return len(self.keys())

    def __bool__(self) -> bool:
        """An evaluation is true, even where it has no values."""
        return True

    def __contains__(self, name: object) -> bool:
        """Whether there is a value over all classes of that name or alias, be it undefined."""
        return self._find(name, {}) is not None

    def __repr__(self) -> str:
        """One line: the kind, how many rows, the positive label, the first values."""
        said = [self.kind, f"{self.n} rows"]
        said += [f"{self.pending} pending"] if self.pending else []
        said += [f"positive {self.labels[-1]!r}"] if self.kind == "binary" and len(self.labels) == 2 else []
        first = [(name, self._find(name, {})) for name in self.keys()[:_SHOWN]]
        shown = [f"{name}={'undefined' if isinstance(v, Undefined) else format(v, '.4g')}" for name, v in first]
        more = len(self) - len(first)
        return f"<Evaluation {', '.join(said)}: {', '.join(shown)}{f' and {more} more' if more else ''}>"

    def to_frame(self) -> pd.DataFrame:
        """Return a row per value: metric, class (None over all), value (NaN if undefined), undefined (the reason)."""
        import pandas as pd

        rows = [
            (name, (context or {}).get("class"), math.nan, value.reason)
            if isinstance(value, Undefined)
            else (name, (context or {}).get("class"), value, None)
            for name, context, value in self.values
        ]
        columns = ["metric", "class", "value", "undefined"]
        return pd.DataFrame({name: pd.Series([row[i] for row in rows], dtype=float if name == "value" else object)
                             for i, name in enumerate(columns)})  # fmt: skip

    def _find(self, name: Any, context: dict[str, Any]) -> Value | None:
        """Return the value of a stored name, else of one that is usually written so or has this alias, else None."""
        here = {found: value for found, has, value in self.values if (has or {}) == context}
        if name in here or not isinstance(name, str):
            return here.get(name)
        word = usual(name).removeprefix("neg_")
        return here.get(word, here.get(self.aliases.get(word, "")))


def usual(word: str) -> str:
    """Return a name as names are compared: `ROC-AUC`, `roc auc` and `RocAuc` are `roc_auc`."""
    spaced = "".join(f"_{c}" if c.isupper() and i and word[i - 1].islower() else c for i, c in enumerate(word))
    return spaced.strip().lower().replace("-", "_").replace(" ", "_")


def ratio(numerator: float, denominator: float, reason: str) -> Value:
    """Return a quotient as float64, or Undefined with this reason where the denominator is 0."""
    return Undefined(reason) if denominator == 0 else float(numerator) / float(denominator)


def finite(value: float, reason: str) -> Value:
    """Return a value, or Undefined with this reason where it is not a finite number."""
    return float(value) if math.isfinite(value) else Undefined(reason)


def mean_of_defined(values: Sequence[Value], reason: str) -> Value:
    """Return the plain mean of those values that are defined, or Undefined with this reason where none is."""
    known = [value for value in values if not isinstance(value, Undefined)]
    return math.fsum(known) / len(known) if known else Undefined(reason)


def as_column(values: Sequence[Value]) -> np.ndarray[Any, Any]:
    """Return values as a chart's column, NaN where one is undefined."""
    return np.array([math.nan if isinstance(value, Undefined) else value for value in values], dtype=np.float64)
