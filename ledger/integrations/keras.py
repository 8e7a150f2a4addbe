"""Callbacks for Keras 3: what `fit` says of each epoch, and what the model says of validation data.

from ledger.integrations.keras import LedgerCallback
with ledger.start("baseline") as run:
    model.fit(x, y, validation_split=0.2, epochs=10, callbacks=[LedgerCallback(run)])
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

import ledger
from ledger import api
from ledger.errors import AmbiguousRun, InvalidValue, UsageError, warn
from ledger.evaluate import check_name

try:
    import keras

    if int(keras.__version__.partition(".")[0]) < 3:
        raise ImportError(f"this is Keras {keras.__version__}, and it takes 3.3 or newer")
    from ledger.integrations.keras_outputs import Validation, arguments, chosen, kind_of, numbered, plain_names
    from ledger.integrations.keras_params import described
except ImportError as error:
    of_backend = error.name is not None and error.name.partition(".")[0] in ("jax", "tensorflow", "torch")
    raise UsageError(
        f"ledger.integrations.keras needs Keras 3 and one of its backends: {error}",
        hint="pip install jax, and set KERAS_BACKEND=jax" if of_backend else "pip install 'ledger-ml[keras]'",
    ) from error

__all__ = ["LedgerCallback", "PerformanceCallback"]

_CHARTS = {"regression": ("predicted_vs_true", "residuals"), "segmentation": ("confusion",)}  # if none are asked for
_SAME = 1e-4  # up to which difference two computations of a metric, one in float32, are taken for one


class _Seen:
    """What was logged to a run by callbacks, so that a further fit goes on: by prefix and context."""

    def __init__(self) -> None:
        self.epochs: dict[Any, int] = {}
        self.batches: dict[Any, int] = {}
        self.said: dict[str, Any] = {}
        self.named: set[str] = set()  # prefixes under which `val_x` became `val/x`


class _Started:
    """A run that a callback started since there was none, and the model whose fit it is."""

    def __init__(self, run: ledger.Run, model: Any) -> None:
        self.run, self.model, self.begun = run, weakref.ref(model), False


_seen: weakref.WeakKeyDictionary[ledger.Run, _Seen] = weakref.WeakKeyDictionary()
_started: list[_Started] = []


class _Following(keras.callbacks.Callback):
    """What both callbacks share: which run a fit is logged to, and which step an epoch is."""

    def __init__(self, run: ledger.Run | None, prefix: str, context: Mapping[str, Any] | None) -> None:
        super().__init__()
        if run is not None and not isinstance(run, ledger.Run):
            raise InvalidValue(
                f"the run must be one that ledger.start() gave, not {type(run).__name__}",
                hint="go on with one that is closed: ledger.start(resume=...)",
            )
        self.run = self._given = run
        self._prefix, self._context = prefix, dict(context) if context else None
        self._key = (prefix, repr(sorted((context or {}).items())))
        self._own: _Started | None = None
        self._shift: int | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Find the run, and the step at which this fit goes on."""
        self.run = self._given or self._found()
        self._shift, self._before = None, self._seen.epochs.get(self._key, -1)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Place the first epoch of a fit behind those of an earlier one."""
        if self._shift is None:
            self._shift = max(0, self._before + 1 - epoch)
        if self._own is not None:
            self._own.begun = True

    def on_train_end(self, logs: Any = None) -> None:
        """Close the run if this callback started it."""
        if self._own is not None:
            own, self._own = self._own, None
            _started[:] = [one for one in _started if one is not own]
            own.run.finish()

    @property
    def _open(self) -> ledger.Run:
        if self.run is None:
            raise UsageError(f"{type(self).__name__} has no run before training begins")
        return self.run

    @property
    def _seen(self) -> _Seen:
        return _seen.setdefault(self._open, _Seen())

    def _step(self, epoch: int) -> int:
        step = epoch + (self._shift or 0)
        self._seen.epochs[self._key] = max(step, self._seen.epochs.get(self._key, step))
        return step

    def _found(self) -> ledger.Run:
        """Return the run that is open here, or a new one."""
        running = api.open_here()
        for started in [one for one in _started if one.run in running]:
            model = started.model()
            if model is self.model and not started.begun:
                return started.run  # of another callback of this fit
            if model is None or model is self.model or started is self._own:
                started.run.finish("failed", error="fit() did not come to its end")
            running.remove(started.run)
        _started[:] = [one for one in _started if one.run in api.open_here()]
        if len(running) > 1:
            names = ", ".join(run.name for run in running)
            raise AmbiguousRun(
                f"{len(running)} runs are open here: {names}", hint=f"say which: {type(self).__name__}(run)"
            )
        if running:
            return running[0]
        self._own = _Started(ledger.start(), self.model)
        _started.append(self._own)
        return self._own.run


class LedgerCallback(_Following):
    """Logs each epoch of `fit`: `loss` as `train/loss`, `val_loss` as `val/loss`, step = epoch.

    The number by which Keras tells metrics of one process apart is left out: `auc_1` of a second model is `auc`.
    What an epoch does not have is absent. A metric with a value for each class gets the context {"class": i}. A
    further `fit` with the same run goes on behind the last epoch. An exception in `fit` leaves the run to whoever
    opened it: `with ledger.start(...) as run` closes it as failed.

    Args:
        run: the run; if left out that of LEDGER_RUN, else the only one that is open in this process, else a new one
            that is closed when training ends.
        prefix: put before each name, behind the split: `gan_` logs `train/gan_loss`.
        context: tells trainings of one run apart, such as {"fold": 1}.
        log_on_batch: True logs every batch too, as `batch/loss`, its steps counted over all epochs. Keras gives means
            since the epoch began, not values of the batch.
        log_learning_rate: False leaves out `learning_rate`, the one that the epoch ended with.
        log_model_summary: False leaves out the text chart `model/summary`.
        log_params: False leaves out the params `keras.*`: optimizer, loss, numbers of parameters, epochs, steps.
        keep_names: True logs `loss` and `val_loss` as Keras names them.
    """

    async_safe = True  # batches may come from a thread of Keras, so that training does not wait for their numbers

    def __init__(
        self,
        run: ledger.Run | None = None,
        *,
        prefix: str = "",
        context: Mapping[str, Any] | None = None,
        log_on_batch: bool = False,
        log_learning_rate: bool = True,
        log_model_summary: bool = True,
        log_params: bool = True,
        keep_names: bool = False,
    ) -> None:
        super().__init__(run, prefix, context)
        self._log_learning_rate, self._log_model_summary = log_learning_rate, log_model_summary
        self._log_params, self._keep_names = log_params, keep_names
        self._left_out: set[str] = set()
        self._made: dict[str, tuple[str, int]] = {}
        self._batch_names: dict[str, str] = {}
        self._first_batch = 0
        self._batches: deque[int] = deque(maxlen=256)  # the latest of this epoch; threads may mix their order
        if log_on_batch:  # Keras turns logs into numbers batch by batch for those who have this method
            self.on_train_batch_end = self._log_batch

    def on_train_begin(self, logs: Any = None) -> None:
        """Log the params and the summary of the model, if they are not those of the last fit."""
        super().on_train_begin(logs)
        if not self._keep_names:
            self._seen.named.add(self._prefix)
        said = self._seen.said
        if self._log_params and said.get(f"params {self._prefix}") != (
            found := described(self.model, self.params or {})
        ):
            said[f"params {self._prefix}"] = found
            self._open.log_params({"keras": {self._prefix: found} if self._prefix else found})
        if self._log_model_summary and self.model.built:
            lines: list[str] = []
            self.model.summary(print_fn=lambda text, *_, **__: lines.append(str(text)))
            text = "\n".join(lines)
            # The totals count what the optimizer keeps, which a model has from its first fit on.
            layers = text.partition(" Total params")[0], len(self.model.trainable_weights)
            if said.get(f"summary {self._prefix}") != layers:
                said[f"summary {self._prefix}"] = layers
                self._open.log_text(f"model/{self._prefix}summary", text)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count the batches from where the last epoch left off."""
        super().on_epoch_begin(epoch, logs)
        self._count_batches()
        self._made, self._batch_names = {} if self._keep_names else numbered(self.model), {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log what Keras says of the epoch, and the learning rate."""
        self._count_batches()
        names = {} if self._keep_names else plain_names(numbered(self.model), logs or ())
        values = {names.get(n, n): [value] for n, value in (logs or {}).items() if self._is_logged(n, value)}
        if not self._log_learning_rate:
            values.pop("learning_rate", None)
        elif "learning_rate" not in values and (rate := _learning_rate(self.model)) is not None:
            values["learning_rate"] = [rate]
        step = self._step(epoch)
        self._open.log_history(
            values, epochs=[step], prefix=self._prefix, context=self._context, keep_names=self._keep_names
        )

    def _log_batch(self, batch: int, logs: Any = None) -> None:
        self._batches.append(batch)
        names = self._batch_names
        if not names.keys() >= (logs or {}).keys():
            plain = plain_names(self._made, logs or ())
            names |= {name: f"batch/{self._prefix}{plain.get(name, name)}" for name in logs or ()}
        values = {}
        for name, value in (logs or {}).items():
            if type(value) is float:  # those of each class are of the epoch alone
                values[names[name]] = value
        if values:
            self._open.log(values, self._first_batch + batch, context=self._context)

    def _count_batches(self) -> None:
        known = self._seen.batches
        self._first_batch = known.get(self._key, 0)
        if self._batches:
            self._first_batch += max(self._batches) + 1
            known[self._key] = self._first_batch
            self._batches.clear()

    def _is_logged(self, name: str, value: Any) -> bool:
        if type(value) is float:
            return True
        array = np.asarray(value)
        if array.dtype.kind in "biuf" and array.ndim < 2:
            return True
        if name not in self._left_out:
            self._left_out.add(name)
            warn(
                f"{name!r} is left out of the log: it is no number, nor one for each class, but {type(value).__name__}"
            )
        return False


class PerformanceCallback(_Following):
    """Evaluates the model on validation data after an epoch: `run.evaluate` with what it predicts, step = epoch.

    Metrics (`val/roc_auc`), charts as data (`val/confusion`, `val/roc`) and the predictions are kept for each epoch.
    Where `fit` has a metric of the same name and another value, a warning says so, once.

    Args:
        validation_data: (x, y) or (x, y, sample_weight), arrays as for `fit`; or batches of these that can be gone
            through again: a keras.utils.PyDataset, a list, a dataset of TensorFlow or PyTorch. Truth may be classes 0,
            1, ... or one-hot.
        run: as for LedgerCallback; both in one `fit` have the same.
        every: after each epoch, each second one and so on, as `validation_freq` of `fit`.
        split: which data this is.
        kind: binary, multiclass, multilabel, regression or segmentation; told by the loss, else by the shapes, if left
            out.
        labels: names of the classes 0, 1, ...; else these numbers.
        charts: which, True for all, False for none; if left out confusion and roc, of a regression predicted_vs_true
            and residuals.
        predictions: False keeps none of them.
        prefix: put before each name, behind the split.
        context: tells trainings of one run apart, such as {"fold": 1}.
        threshold: of two classes, a row is positive where its score is greater; 0.5, of a hinge loss 0.
        output: of a model with several outputs the name or number of one.
        from_logits: whether outputs are logits; what the loss says, if left out.
        batch_size: of arrays, as for `predict`.
    """

    def __init__(
        self,
        validation_data: Any,
        *,
        run: ledger.Run | None = None,
        every: int = 1,
        split: str = "val",
        kind: str | None = None,
        labels: Sequence[Any] | None = None,
        charts: bool | Iterable[str] | None = None,
        predictions: bool = True,
        prefix: str = "",
        context: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        output: str | int | None = None,
        from_logits: bool | None = None,
        batch_size: int | None = None,
    ) -> None:
        super().__init__(run, prefix, context)
        if type(every) is not int or every < 1:
            raise InvalidValue(f"every must be a whole number from 1, not {every!r}")
        self._data, self._every, self._split = Validation(validation_data), every, split
        self._asked_kind, self._kind, self._labels = kind, kind, labels
        self._charts: bool | list[str] | None = None
        if charts is not None:
            self._charts = charts if isinstance(charts, bool) else [charts] if isinstance(charts, str) else list(charts)
        for name in self._charts if isinstance(self._charts, list) else ():
            check_name(name)
        self._predictions, self._threshold, self._output = predictions, threshold, output
        self._from_logits, self._batch_size = from_logits, batch_size
        self._warned: set[str] = set()

    def on_train_begin(self, logs: Any = None) -> None:
        """Look anew at what kind of model this is."""
        super().on_train_begin(logs)
        self._kind = self._asked_kind

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Evaluate the model as it is now."""
        step = self._step(epoch)
        if (epoch + 1) % self._every or api.is_disabled():
            return
        found = chosen(self.model, self._data.ask(self.model, self._batch_size), self._output)
        kind = self._kind = self._kind or kind_of(found)
        charts = _CHARTS.get(kind, ("confusion", "roc")) if self._charts is None else self._charts
        evaluation = self._open.evaluate(
            **arguments(found, kind, self._labels, self._threshold, self._from_logits),
            split=self._split, prefix=self._prefix, context=self._context, step=step,
            charts=charts, predictions=self._predictions,
        )  # fmt: skip
        if not self._prefix and "" in self._seen.named:
            self._compare(evaluation.values, logs or {})

    def _compare(self, values: Any, logs: Mapping[str, Any]) -> None:
        """Warn where Keras has another value under the name of a metric: one of the two is shown."""
        names = plain_names(numbered(self.model), logs)
        named = {names.get(name, name): value for name, value in logs.items()}
        for name, context, value in values:
            of_fit = named.get(f"{self._split}_{name}")
            if context is not None or name in self._warned or not isinstance(value, float) or type(of_fit) is not float:
                continue
            if abs(of_fit - value) > _SAME * max(1.0, abs(value)):
                self._warned.add(name)
                warn(
                    f"{self._split}/{name} is {of_fit:.6g} as Keras computes it and {value:.6g} as the evaluation does;"
                    ' the one logged last is shown. PerformanceCallback(..., prefix="exact_") keeps them apart'
                )


def _learning_rate(model: Any) -> float | None:
    rate = getattr(model.optimizer, "learning_rate", None)
    if rate is None:
        return None
    return float(rate.value if isinstance(rate, keras.Variable) else rate)
