"""What a value depends on, as a hash: which function, which of its options, of which inputs, and which labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ledger.derive import recipes
from ledger.derive.recipes import Item, Recipe
from ledger.evaluate import lookup
from ledger.evaluate.kinds import KINDS
from ledger.format import computed
from ledger.store.state import Predictions


class Inputs(NamedTuple):
    """The inputs of one set of predictions: the digests of its columns, batch by batch, and labels that came late."""

    columns: Mapping[str, Sequence[str | None]]
    classes: Sequence[Any] | None
    labels: Sequence[str]
    as_of: int | None


def inputs_of(chosen: Sequence[Predictions], names: Sequence[str], labels: Sequence[str], as_of: int | None) -> Inputs:
    """Return what is computed of: the columns that are read, and ids, by which rows and labels are told apart."""
    given = [*names, *(["ids"] if any("ids" in one.columns for one in chosen) else [])]
    digests = {name: [one.columns[name].digest if name in one.columns else None for one in chosen] for name in given}
    return Inputs(digests, chosen[0].labels, labels, as_of)


def how(recipe: Recipe, item: Item, stored: str, kind: str | None, options: Mapping[str, Any], inputs: Inputs) -> str:
    """Return a hash of all that a value depends on, but for labels that came late and for the kind."""
    return computed.key(
        what=_identity(item, stored), options=_counting(recipe, item, kind, options, inputs.columns),
        inputs=inputs.columns, classes=inputs.classes,
    )  # fmt: skip


def key(how: str, kind: str | None, inputs: Inputs) -> str:
    """Return the key of a value; `kind` is the one that was asked for, None where nobody did."""
    return computed.key(how=how, kind=kind, labels=inputs.labels, as_of=inputs.as_of)


def truth(how: str, digest: str | None) -> str:
    """Return a hash of the truth that counted, and of all else that the value depends on."""
    return computed.key(how=how, truth=digest)


@lru_cache
def bundle(kind: str) -> Item:
    """Return the bundle of a kind as a recipe has it."""
    return recipes.recipe([kind]).items[0]


@lru_cache
def metrics_of(kind: str) -> dict[str, Item]:
    """Return the metrics of the bundle of a kind by their stored name, each as a recipe of its own has it."""
    return {
        metric.name: recipes.recipe([metric.name], kind=kind).items[0]
        for metric in lookup.bundle(kind).metrics
        if metric.bundled
    }


@lru_cache
def bundled_in(stored: str) -> tuple[str, ...]:
    """Return the kinds whose bundle has a metric of that stored name."""
    return tuple(kind for kind in KINDS if kind != recipes.NOT_KEPT and stored in metrics_of(kind))


def _identity(item: Item, stored: str) -> dict[str, Any]:
    """Return what tells a function from others: the same by whatever name, and beside whatever, it is asked for."""
    definition = _definitions(stored) if item.sort == "metric" else item.identity
    return {"sort": item.sort, "name": item.name if item.sort == "own" else stored, "is": definition}


@lru_cache
def _definitions(stored: str) -> dict[str, Any]:
    return {
        kind: metric.definition for kind in KINDS for metric in lookup.bundle(kind).metrics if metric.name == stored
    }


def _counting(
    recipe: Recipe, item: Item, kind: str | None, options: Mapping[str, Any], columns: Collection[str]
) -> dict[str, Any]:
    """Return the options that count for an item and are not what they are unless given.

    A threshold counts where predictions are made with it.
    """
    usual = {} if kind is None else _defaults(kind)
    given = {name: value for name, value in options.items() if name not in usual or usual[name] != value}
    if item.sort in ("bundle", "chart") or not given:
        return given
    made = "y_pred" not in columns or recipe.threshold is not None
    if item.own is not None:
        counts = {"threshold"} if made and "y_pred" in item.own.load().takes else set()
    else:
        used, of_labels = _used(item.name, (kind,) if kind in item.stored else tuple(item.stored))
        counts = {*used, *(["threshold"] if made and of_labels else [])}
    return {name: value for name, value in given.items() if name in counts}


@lru_cache
def _used(name: str, kinds: tuple[str, ...]) -> tuple[frozenset[str], bool]:
    """Return the options that a metric has, and whether it is one of labels."""
    found = [lookup.metric(name, kind) for kind in kinds]
    options = {option for metric in found for option in metric.options}
    kept = {"keep"} if "regression" in kinds else set()  # of medians and quantiles, in no definition
    return frozenset(options | kept), any(metric.needs == "labels" for metric in found)


_defaults = lru_cache(lookup.defaults)
