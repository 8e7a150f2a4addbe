"""What predictions mean: arrays in, values and chart data out. Pure: no file, no clock, nothing is drawn.

`check` turns arrays into a `Batch`; the states of a bundle (one module for each kind: binary, multiclass, multilabel,
regression, segmentation) take in batches and merge; metrics and charts are functions of states. Names load late.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger.evaluate.calling import compute, evaluate
    from ledger.evaluate.inputs import Batch, check
    from ledger.evaluate.kinds import guess
    from ledger.evaluate.lookup import check_name, register, unregister
    from ledger.evaluate.results import ChartData, Evaluation, Value
    from ledger.evaluate.stream import Stream, conclude, new_states
    from ledger.format.values import Undefined

__all__ = [
    "Batch",
    "ChartData",
    "Evaluation",
    "Stream",
    "Undefined",
    "Value",
    "check",
    "check_name",
    "compute",
    "conclude",
    "evaluate",
    "guess",
    "new_states",
    "register",
    "unregister",
]

_HOMES = {
    "Batch": "inputs",
    "ChartData": "results",
    "Evaluation": "results",
    "Stream": "stream",
    "Undefined": "results",
    "Value": "results",
    "check": "inputs",
    "check_name": "lookup",
    "compute": "calling",
    "conclude": "stream",
    "evaluate": "calling",
    "guess": "kinds",
    "new_states": "stream",
    "register": "lookup",
    "unregister": "lookup",
}


def __getattr__(name: str) -> Any:
    """Load a name on its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ledger.evaluate' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"ledger.evaluate.{_HOMES[name]}"), name)
    return value
