"""What a metric is, and what a bundle of them is.

Each kind has a module of its name with a constant `BUNDLE`; `lookup.py` finds them, and metrics by name or alias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from ledger.evaluate.inputs import Batch
from ledger.evaluate.results import ChartData, Value
from ledger.evaluate.rows import Rows
from ledger.format.values import Undefined


class States(Protocol):
    """The states of one bundle. Its constructor takes the labels and, by keyword, the bundle's options.

    `rule` says how predictions came about ({"threshold": 0.5}, {"rule": "argmax"}, {} where they were given): it
    becomes part of the definition of every metric that needs labels.
    """

    labels: tuple[Any, ...]
    rows: Rows
    rule: dict[str, Any]

    def update(self, batch: Batch) -> None:
        """Take in one chunk."""

    def merge(self, other: Any) -> None:
        """Take in what another one has seen."""


class Metric(msgspec.Struct, frozen=True):
    """A metric: its stored name, what it is of, what it needs, which way it is better, and how it is computed.

    `needs` is "labels", "scores" or "values". `definition` is stored with each value and tells two metrics of one
    name apart; `about` and `undefined` are for the documentation. `compute` gets the states of the bundle; `by_class`,
    where there is one, gives one value a label. `options` are those of the states that become part of the definition.
    Those with `bundled=False` are given when asked for by name.
    """

    name: str
    kinds: tuple[str, ...]
    needs: str
    goal: str | None
    compute: Callable[[Any], Value]
    definition: dict[str, Any] = {}
    aliases: tuple[str, ...] = ()
    about: str = ""
    undefined: str = ""
    by_class: Callable[[Any], list[Value]] | None = None
    bundled: bool = True
    options: tuple[str, ...] = ()


Chart: TypeAlias = Callable[[Any], ChartData | Undefined]


class Bundle(msgspec.Struct, frozen=True):
    """What there is for one kind: `states(labels, **options)`, the metrics in stored order, the charts by name.

    `options` are the names that `states` takes by keyword; `notices` gives what should be known beside the values, and
    `warnings` what whoever evaluates must be told.
    """

    kind: str
    states: Callable[..., Any]
    metrics: tuple[Metric, ...]
    charts: Mapping[str, Chart]
    options: tuple[str, ...] = ()
    notices: Callable[[Any], list[str]] | None = None
    warnings: Callable[[Any], list[str]] | None = None
