"""What every worker of a backfill needs, loaded once before they are made."""

import numpy.ma  # noqa: F401

import ledger.derive.recorder
import ledger.derive.work
import ledger.evaluate.binary
import ledger.evaluate.multiclass
import ledger.evaluate.regression
import ledger.format.columns
import ledger.format.predictions
import ledger.store.shown
import ledger.table.labels  # noqa: F401
