"""Pictures of chart data: ROC, confusion, residuals, tables; each kind is drawn by one function of this package."""

from importlib import import_module
from typing import TYPE_CHECKING

from ledger.table.chart_data import ChartPlot
from ledger.view.drawing import label_matrices, style

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
    "curve": "logged_curves",
    "table": "tables",
}


def draw(data: ChartPlot) -> "Figure":
    """Return the figure of chart data; call it within `style.applied()`."""
    home = _HOMES[data.kind]
    if data.kind == "confusion" and label_matrices.is_of(data):
        home = "label_matrices"
    module = import_module(f"ledger.view.drawing.{home}")
    drawn: Figure = getattr(module, data.kind)(data)
    style.fit(drawn)
    return drawn
