"""What a wrong answer of a screening costs: a metric that nobody thought of when the models of backfill.py were logged.

From a shell, beside this file: `ledger backfill --from screening_cost:cost --all`
"""

from typing import Any

import numpy as np

MISSED, ALARM = 50, 1  # a tumour that is sent home, beside a biopsy of what is benign


def cost(y_true: Any, y_pred: Any) -> float:
    """Return the mean cost of a patient; truth and predictions are `malignant` or `benign`."""
    missed = (y_true == "malignant") & (y_pred == "benign")
    alarm = (y_true == "benign") & (y_pred == "malignant")
    return float(np.mean(MISSED * missed + ALARM * alarm))
