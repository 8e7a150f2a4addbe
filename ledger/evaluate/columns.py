"""What frames say beside their values: names of columns, matched to the labels, and categories, which are labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.errors import InvalidValue
from ledger.evaluate import labels as label_set
from ledger.evaluate.arrays import Array, as_array, shown

_OF_CATEGORIES = frozenset({"CategoricalDtype", "Enum"})


class Named(NamedTuple):
    """The names of the columns of what was given, None for what has none, and the categories of y_true."""

    y_true: list[Any] | None = None
    y_pred: list[Any] | None = None
    y_score: list[Any] | None = None
    categories: list[Any] | None = None


def named(y_true: Any, y_pred: Any, y_score: Any) -> Named:
    """Return what is named in the arrays of an evaluation, as they were given."""
    return Named(names_of(y_true), names_of(y_pred), names_of(y_score), _categories_of(y_true))


def names_of(values: Any) -> list[Any] | None:
    """Return the names of a frame's columns; None for what is no frame, and for the numbers 0 to K-1 in order."""
    for attribute in ("column_names", "columns"):  # of a table of pyarrow, of a frame
        if hasattr(type(values), attribute):
            names = [name.item() if hasattr(name, "item") else name for name in getattr(values, attribute)]
            return None if all(type(name) is int for name in names) and names == list(range(len(names))) else names
    return None


def _categories_of(values: Any) -> list[Any] | None:
    dtype = getattr(values, "dtype", None)
    if type(dtype).__name__ not in _OF_CATEGORIES:
        return None
    found: list[Any] = dtype.categories.to_list()  # type: ignore[union-attr]
    return found


def as_labels(names: Sequence[Any] | None) -> tuple[Any, ...] | None:
    """Return names of columns as labels; None where they cannot be: none, one twice, or neither text nor number."""
    if names is None or len(set(names)) < len(names) or not all(isinstance(name, str | int | float) for name in names):
        return None
    return label_set.given(names)


def order_of(name: str, names: Sequence[Any] | None, labels: Sequence[Any]) -> list[int] | None:
    """Return the columns in the order of the labels, where the names are the labels; None where none is one.

    Names are compared as they are, then as text. Raises InvalidValue where some are labels and some are not.
    """
    if names is None or len(names) != len(labels):
        return None
    for have, asked in ((list(names), list(labels)), ([str(n) for n in names], [str(label) for label in labels])):
        if set(have) == set(asked):
            return [have.index(label) for label in asked]
    known = {str(label) for label in labels}
    if strange := [column for column in names if str(column) not in known]:
        if len(strange) == len(names):
            return None
        raise InvalidValue(
            f"{name} has the column {shown(strange[0])}, which is none of the labels {label_set.listed(labels)}",
            hint=f"name each column after its label, or give them without names, in this order: {name}.to_numpy()",
        )
    raise InvalidValue(f"{name} has two columns of one name: {label_set.listed(names)}")


def placed(name: str, array: Array, names: Sequence[Any] | None, labels: Sequence[Any]) -> Array:
    """Return an array (n, K) with its columns in the order of the labels, as far as their names say so."""
    if array.ndim != 2 or names is None or array.shape[1] != len(names):
        return array
    order = order_of(name, names, labels)
    return array if order is None or order == list(range(len(order))) else array[:, order]


def kept(name: str, values: Any, labels: Sequence[Any]) -> Any:
    """Return what was given with its columns in the order of the labels, else as it is."""
    names = names_of(values)
    order = order_of(name, names, labels)
    return values if order is None or order == list(range(len(order))) else as_array(name, values)[:, order]


def labels_of(
    kind: str,
    arrays: Sequence[tuple[str, Array]],
    labels: tuple[Any, ...] | None,
    columns: int | None,
    known: Named | None = None,
) -> tuple[Any, ...]:
    """Return the labels in order: those given, else those that occur in named arrays; raises InvalidValue if unclear.

    Categories of the truth give the order. Where scores have more columns than labels occur, the others are those of
    the categories, of the names of the columns, or of the numbers from 0.
    """
    if labels is not None:
        if kind == "binary" and len(labels) != 2:
            raise InvalidValue(f"kind is binary, and labels has {len(labels)}: {label_set.listed(labels)}")
        return labels
    known = known or Named()
    values = label_set.found(arrays)
    label_set.check_predicted(arrays)
    wanted = 2 if kind == "binary" else columns
    if known.categories is not None:
        values = _by_categories(values, known.categories, wanted)
    elif wanted is not None and len(values) < wanted and known.y_score is not None:
        values = _by_names(values, known.y_score, wanted)
    if kind == "binary":
        return (values[0], values[1]) if known.categories and len(values) == 2 else label_set.for_two(values)
    if columns is None or len(values) == columns:
        return tuple(values)
    if len(values) < columns and all(isinstance(v, int) and 0 <= v < columns for v in values):
        return tuple(range(columns))
    raise InvalidValue(
        f"y_score has {columns} columns and {len(values)} labels occur: {label_set.listed(values)}",
        hint="say labels=, in the order of the columns",
    )


def _by_categories(values: list[Any], categories: list[Any], wanted: int | None) -> list[Any]:
    there = set(values)
    if len(categories) == wanted and there <= set(categories):
        return categories
    return [label for label in categories if label in there] + [v for v in values if v not in set(categories)]


def _by_names(values: list[Any], names: list[Any], wanted: int) -> list[Any]:
    """Return the names as labels, sorted, where all labels that occur are among them."""
    alike = all(isinstance(name, str) for name in names) or all(type(name) in (int, float) for name in names)
    return sorted(names) if len(names) == wanted and alike and values and set(values) <= set(names) else values


def check_order(labels: Sequence[Any], known: Named, scores: Array | None) -> None:
    """Raise InvalidValue where columns of scores without names may be in the order of categories, or sorted."""
    if known.categories is None or known.y_score is not None or scores is None or scores.ndim != 2:
        return
    if scores.shape[1] == len(labels) and list(labels) != sorted(labels):
        raise InvalidValue(
            f"y_true has the categories {label_set.listed(labels)}, and the columns of y_score have no names:"
            " they may be in that order, or sorted",
            hint="say labels=, in the order of the columns; of a scikit-learn model labels=model.classes_",
        )
