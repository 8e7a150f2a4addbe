"""The history of a training, as Keras returns it, as rows: what `fit` calls `val_loss` is `loss` on the split `val`."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ledger.errors import InvalidValue
from ledger.record import calls

if TYPE_CHECKING:
    from ledger.record.evaluating import Planned

T = TypeVar("T")

_SPLITS = ("train", "val", "valid", "validation", "test")  # in front of a name, before `_` or `/`


class Histories:
    """The part of a run that takes histories; what is to be written goes to the methods at the end."""

    def log_history(
        self,
        history: T,
        *,
        epochs: Sequence[int] | None = None,
        prefix: str = "",
        context: Mapping[str, Any] | None = None,
        validation_freq: int | Container[int] = 1,
        keep_names: bool = False,
        reason: str | None = None,
    ) -> T:
        """Log what `model.fit` of Keras returned, or a mapping of names to lists, a value an epoch; gives it back.

        `val_loss` becomes `val/loss` (so do train_, valid_, validation_ and test_), `learning_rate` stays, every other
        name is of the split `train`: `loss` becomes `train/loss`. A metric that has a value for each class is logged
        with the context {"class": i}. None stands for no value. All of it is one write.

        Args:
            history: has `history`, a mapping of names to lists, and `epoch`; or is such a mapping.
            epochs: the steps; those in the history if left out, else 0, 1, 2 and so on.
            prefix: put before each name, behind the split.
            context: tells histories of one run apart, such as {"fold": 1}.
            validation_freq: as `fit` was told, where it validated some epochs alone.
            keep_names: True keeps the names as they are.
            reason: of a run that is closed, kept with the entry.

        Raises InvalidValue where lists differ in length, since nobody can tell which epochs they are of.
        """
        from ledger.record import evaluating

        series = _series(history)
        rows = max(map(len, series.values()), default=0)
        own = [int(epoch) for epoch in getattr(history, "epoch", None) or ()]
        if len(own) != rows:  # of the last fit alone, or of a plain mapping
            own = list(range(rows))
        steps = own if epochs is None else list(epochs)
        if len(steps) != rows:
            raise InvalidValue(f"the history has {rows} epochs, and epochs= has {len(steps)}")
        groups: dict[tuple[Any, int | None], dict[str, Any]] = {}
        names: dict[str, str] = {}
        for name, values in series.items():
            stored = f"{prefix}{name}" if keep_names else stored_name(name, prefix)
            if (other := names.setdefault(stored, name)) != name:
                raise InvalidValue(f"{other!r} and {name!r} of the history would both be {stored!r}")
            for place, value in zip(_places(name, values, own, validation_freq), values, strict=True):
                for of_class, one in _by_class(value):
                    groups.setdefault((steps[place], of_class), {})[stored] = one
        both = self._with_rank(context) or {}
        planned = [
            calls.check_rows(group, step, None, both if of_class is None else {**both, "class": of_class})
            for (step, of_class), group in groups.items()
        ]
        if planned:
            self._evaluation(evaluating.Planned(planned, []), calls.check_prose("reason", reason))
        return history

    def _with_rank(self, context: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        raise NotImplementedError

    def _evaluation(self, planned: Planned, reason: str | None) -> None:
        raise NotImplementedError


def stored_name(name: str, prefix: str = "") -> str:
    """Return the metric that a name in a history stands for: `val_loss` is `val/loss`, `loss` is `train/loss`."""
    for split in _SPLITS:
        if name.startswith((f"{split}_", f"{split}/")) and len(name) > len(split) + 1:
            return f"{split}/{prefix}{name[len(split) + 1 :]}"
    if name == "lr" or name.startswith("learning_rate"):
        return f"{prefix}{name}"
    return f"train/{prefix}{name}"


def _series(history: Any) -> dict[str, list[Any]]:
    found = getattr(history, "history", history)
    if not isinstance(found, Mapping):
        raise InvalidValue(
            f"a history is what model.fit() returns, or a mapping of names to lists, not {type(history).__name__}",
            hint='for instance run.log_history({"loss": [0.9, 0.7], "val_loss": [1.0, 0.8]})',
        )
    for name, values in found.items():
        if not isinstance(name, str):
            raise InvalidValue(f"a metric name must be text, not {type(name).__name__}: {name!r}")
        if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
            raise InvalidValue(
                f"the history of {name!r} must be a list, a value an epoch, not {type(values).__name__}",
                hint="values of one epoch are logged with run.log({...}, step=epoch)",
            )
    return {name: list(values) for name, values in found.items()}


def _places(name: str, values: list[Any], epochs: list[int], validation_freq: int | Container[int]) -> Sequence[int]:
    """Return which of the epochs the values are of: all, or those that were validated."""
    if len(values) == len(epochs):
        return range(len(epochs))
    if isinstance(validation_freq, int) and validation_freq < 1:
        raise InvalidValue(f"validation_freq must be at least 1, not {validation_freq}")
    validated = [
        place
        for place, epoch in enumerate(epochs)
        if ((epoch + 1) % validation_freq == 0 if isinstance(validation_freq, int) else epoch + 1 in validation_freq)
    ]
    if not name.startswith("val_") or len(validated) != len(values):
        raise InvalidValue(
            f"the history has {len(epochs)} epochs, and {name!r} {len(values)} values (of which epochs?)",
            hint="say validation_freq= as in fit(), or put None where there is no value",
        )
    return validated


def _by_class(value: Any) -> Iterator[tuple[int | None, Any]]:
    """Yield a value as it is, those of an array (classes,) or a list each with its class, None not at all."""
    if isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1:
        yield from enumerate(value)
    elif value is not None:
        yield None, value
