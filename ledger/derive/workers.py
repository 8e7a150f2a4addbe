"""Tasks over processes: a window of them at a time, answers as they come; what a worker's death takes is said.

Any `concurrent.futures.Executor` will do: here processes of this machine, in `cluster.py` those of a Dask cluster.
"""

from __future__ import annotations

import ast
import inspect
import os
import pickle
import signal
import sys
import threading
import types
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from typing import Any, TypeVar

from ledger.derive.plan import Task
from ledger.derive.recipes import Recipe
from ledger.derive.work import Done, compute
from ledger.errors import UsageError

_Result = TypeVar("_Result")
_FEW_ROWS = 500_000  # which one process has done before a second has started
_BATCH_TASKS = 8
_BATCH_ROWS = 1 << 20
_PATIENCE_S = 5.0  # after which it is asked whether there are workers yet
_GUARD = 'put what it does under: if __name__ == "__main__":'
_WINDOW = 3  # batches a worker: one computed, the others at hand


class Lost(Exception):
    """Workers died, or the cluster went: what was not answered is not done."""


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def jobs_for(tasks: Sequence[Task], jobs: int | None) -> int:
    """Return how many processes are worth it: `jobs`, else all processors where there is much to do."""
    if jobs is not None:
        return jobs
    return cores() if sum(task.rows for task in tasks) > _FEW_ROWS else 1


def batches(tasks: Sequence[Task], workers: int) -> list[list[Task]]:
    """Return tasks in batches, in order: few enough that all workers are busy to the end."""
    most = max(1, min(_BATCH_TASKS, len(tasks) // (4 * workers)))
    result: list[list[Task]] = []
    rows = 0
    for task in tasks:
        if not result or len(result[-1]) >= most or rows + task.rows > _BATCH_ROWS:
            result.append([])
            rows = 0
        result[-1].append(task)
        rows += task.rows
    return result


def here(root: str, recipe: Recipe, tasks: Sequence[Task]) -> Iterator[tuple[Task, Done]]:
    """Yield what becomes of tasks, computed in this process."""
    for task in tasks:
        yield task, compute(root, recipe, [task])[0]


def spread(pool: Pool, root: str, recipe: Recipe, tasks: Sequence[Task]) -> Iterator[tuple[Task, Done]]:
    """Yield what becomes of tasks as answers come from a pool; however it ends, what is not begun is taken back.

    Where a worker's death breaks the pool, it is made again, and the tasks that were at hand are done one by one: the
    one that kills its worker again is the only one not done. Raises Lost where the pool itself has gone.
    """
    waiting = iter(batches(tasks, pool.workers))
    running: dict[Future[list[Done]], list[Task]] = {}
    suspects: list[Task] = []
    trial: Future[list[Done]] | None = None  # a suspect, alone
    helps = pool.starts and all(item.own is None for item in recipe.items)  # a user's function may end its process
    try:
        while True:
            if suspects and not running:
                trial = _submitted(pool, root, recipe, suspects[:1])
                running[trial] = [suspects.pop(0)]
            while not (suspects or trial) and len(running) < _WINDOW * pool.workers:
                if (batch := next(waiting, None)) is None:
                    break
                running[_submitted(pool, root, recipe, batch)] = batch
            if not running:
                break
            if helps:
                yield from _meanwhile(root, recipe, waiting, running)
                helps = False
            for future in wait(running, _PATIENCE_S, return_when=FIRST_COMPLETED).done:
                batch = running.pop(future)
                error = _error(future)
                if error is None:
                    yield from zip(batch, future.result(), strict=True)
                elif future is trial:
                    yield batch[0], Done(batch[0].run, why=_why(error), hint=pool.hint)
                else:
                    suspects += batch
                trial = None if future is trial else trial
            if running:
                pool.check()
            if suspects and pool.broken():
                suspects += [task for batch in running.values() for task in batch]
                running.clear()
    finally:
        for future in running:
            future.cancel()


def _meanwhile(
    root: str, recipe: Recipe, waiting: Iterator[list[Task]], running: Collection[Future[list[Done]]]
) -> Iterator[tuple[Task, Done]]:
    """Compute tasks here until a worker has answered: they begin by loading what they need, which takes a while."""
    while not any(future.done() for future in running) and (batch := next(waiting, None)) is not None:
        yield from here(root, recipe, batch)


def _submitted(pool: Pool, root: str, recipe: Recipe, batch: list[Task]) -> Future[list[Done]]:
    try:
        try:
            return pool.submit(root, recipe, batch)
        except BrokenExecutor:
            pool.broken()
            return pool.submit(root, recipe, batch)
    except (RuntimeError, OSError) as error:
        raise Lost(f"{error}; {pool.hint}" if pool.hint else str(error)) from None


def _error(future: Future[list[Done]]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError:
        raise Lost("the work was cancelled: the cluster has gone") from None


def _why(error: BaseException) -> str:
    error = error.__cause__ or error  # of a task that could not even be unpacked
    text = str(error).splitlines()[0][:200] if str(error) else "nothing more is known"
    if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
        return f"its worker died ({type(error).__name__}: {text})"
    return f"it could not be computed ({type(error).__name__}: {text})"


class Pool:
    """Where tasks are computed: `workers` of them; `executor()` takes what they are to do."""

    workers: int = 1
    hint: str | None = None  # why they may die as soon as they begin
    starts = False  # whether the workers are still to be started, on this machine

    def executor(self) -> Executor:
        """Return what takes tasks."""
        raise NotImplementedError

    def submit(self, root: str, recipe: Recipe, batch: list[Task]) -> Future[list[Done]]:
        """Hand out tasks."""
        return self.executor().submit(compute, root, recipe, batch)

    def lend(self, work: Callable[..., _Result], *arguments: Any) -> Future[_Result] | None:
        """Have other work done where it costs this process nothing; None where it had better do it itself."""
        return None

    def check(self) -> None:
        """Raise Lost where nobody is left who could answer."""

    def broken(self) -> bool:
        """Say whether what took tasks will take no more; the next call of `executor` gives a new one."""
        return False


class Processes(Pool):
    """Processes of this machine. They begin anew, not as copies of this process with half of its threads."""

    starts = True

    def __init__(self, workers: int, *, bring_main: bool = False) -> None:
        import multiprocessing

        self.workers = workers
        self._bring_main = bring_main
        self.hint = f"if they are to run a script: {_GUARD}" if bring_main else None
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["ledger.derive.preload"])
        self._pool: ProcessPoolExecutor | None = None

    def executor(self) -> Executor:
        """Return a pool of processes, made where there is none."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=self._context, initializer=_begin)
        return self._pool

    def submit(self, root: str, recipe: Recipe, batch: list[Task]) -> Future[list[Done]]:
        """Hand out tasks; a process begins without running the user's script again, unless a function is from there."""
        with self._beginning():
            return super().submit(root, recipe, batch)

    def lend(self, work: Callable[..., _Result], *arguments: Any) -> Future[_Result] | None:
        """Have other work done by one of them, if they are well."""
        try:
            with self._beginning():
                return self.executor().submit(work, *arguments)
        except (RuntimeError, OSError):  # one of them died, which `broken` will say
            return None

    @contextmanager
    def _beginning(self) -> Iterator[None]:
        main = sys.modules["__main__"]
        if not self._bring_main:
            sys.modules["__main__"] = types.ModuleType("__main__")  # where a new process looks what it is to import
        try:
            yield
        finally:
            sys.modules["__main__"] = main

    def broken(self) -> bool:
        """Say whether one of them died; then all are gone."""
        if self._pool is None:
            return False
        try:
            with self._beginning():
                self._pool.submit(int).cancel()
        except BrokenExecutor:
            self.close()
            return True
        return False

    def close(self) -> None:
        """End them; they only read, and what they are at is left undone."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            workers = list((getattr(pool, "_processes", None) or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.join()


@contextmanager
def processes(count: int, recipe: Recipe) -> Iterator[Pool]:
    """Provide processes of this machine; when it is left they are gone.

    Raises UsageError for a function that cannot be sent to them, and in a script that they would run again.
    """
    check_sendable(recipe)
    bring_main = any(item.own is not None and item.own.metric is not None for item in recipe.items)
    if bring_main:
        check_guarded()
    pool = Processes(count, bring_main=bring_main)
    try:
        yield pool
    finally:
        pool.close()


def check_sendable(recipe: Recipe) -> None:
    """Raise UsageError for a function that cannot be sent to other processes."""
    for item in recipe.items:
        of = None if item.own is None or item.own.metric is None else item.own.metric.of
        name = getattr(of, "__module__", None) or ""
        if getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False):
            raise UsageError(f"{name} is still being imported: no other process can find a function in it", hint=_GUARD)
    try:
        pickle.dumps(recipe)
    except Exception as error:
        raise UsageError(
            f"the function cannot be sent to other processes: {error}",
            hint="define it at the top level of a module, or say jobs=1",
        ) from None


def refuse_imported() -> None:
    """Raise UsageError in a process that is running the user's script again, to find a function in it."""
    multiprocessing: Any = sys.modules.get("multiprocessing")  # which has started this process, if it is one of those
    if multiprocessing and getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UsageError("the script is run again by a process that it started", hint=_GUARD)


def check_guarded() -> None:
    """Raise UsageError where the script that asks would be run again, from the top, by each process it starts.

    A condition at or above the line counts as the guard: what it asks cannot be known.
    """
    main = sys.modules["__main__"]
    path, frame = getattr(main, "__file__", None), sys._getframe()
    found: types.FrameType | None = frame
    while found is not None and not (found.f_globals is main.__dict__ and found.f_code.co_name == "<module>"):
        found = found.f_back
    if path is None or found is None:
        return
    try:
        statements = ast.parse(inspect.getsource(main)).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return
    if not any(isinstance(each, ast.If) and each.lineno <= found.f_lineno for each in statements):
        raise UsageError(f"each process would run {path} again, from the top", hint=_GUARD)


def _begin() -> None:
    """Leave Ctrl-C to the process that hands out the work, go when it goes, and keep what is printed off its stdout."""
    import multiprocessing

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
