"""Pictures of chart data: ROC, confusion, residuals and so on; each kind is drawn by one function of this package."""

from importlib import import_module
from typing import TYPE_CHECKING

from ledger.table.chart_data import ChartPlot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HOMES = {
    "roc": "rates",
    "pr": "rates",
    "gain": "rates",
    "lift": "rates",
    "calibration": "scores",
    "ks": "scores",
    "threshold": "scores",
    "confusion": "confusion",
    "histogram": "distributions",
    "importance": "distributions",
    "residuals": "residuals",
    "predicted_vs_true": "residuals",
}


def draw(data: ChartPlot) -> "Figure":
    """Return the figure of chart data; call it within `style.applied()`."""
    module = import_module(f"ledger.view.drawing.{_HOMES[data.kind]}")
    drawn: Figure = getattr(module, data.kind)(data)
    return drawn
