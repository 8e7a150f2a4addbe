"""A Dask cluster as the place where a backfill is computed: its workers read the ledger through a path they share.

They send results back; this process records them. Dask gives a task that lost its worker to another one.
"""

from __future__ import annotations

import importlib
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from ledger import __version__
from ledger.derive.recipes import Recipe
from ledger.derive.workers import Lost, Pool, check_guarded, check_sendable, cores
from ledger.errors import Undecided, UsageError

LOCAL = "local-dask"
_TIMEOUT_S = 10
_ALONE_S = 30.0  # for which a cluster may be without workers: they are started again


class _Cluster(Pool):
    """The workers of a cluster; tasks go to whichever is free."""

    def __init__(self, client: Any, workers: int) -> None:
        self.workers = workers
        self._client = client
        self._since: float | None = None  # there are no workers
        self._executor: Executor = client.get_executor(pure=False, retries=2)

    def check(self) -> None:
        """Raise Lost where the scheduler has gone, or has had no workers for a while."""
        self.executor()
        try:
            there = self._client.scheduler_info(n_workers=-1)["workers"]
        except Exception as error:  # whatever a connection that has gone gives
            raise Lost(_short(error)) from None
        now = time.monotonic()
        self._since = None if there else self._since or now
        if self._since is not None and now - self._since > _ALONE_S:
            raise Lost("the cluster has no workers any more")

    def executor(self) -> Executor:
        """Return what takes tasks; raises Lost where the scheduler has gone."""
        if self._client.status != "running":
            raise Lost(f"the scheduler is {self._client.status}")
        return self._executor


@contextmanager
def connected(address: str, jobs: int | None, recipe: Recipe, root: str) -> Iterator[Pool]:
    """Provide the workers of the cluster at an address, or of one that is started here (`local-dask`).

    Raises UsageError where dask is not installed or the address is none, and Undecided for a cluster that cannot be
    reached, has no workers, or has workers without ledger, with another version of it, or that do not see the ledger.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise UsageError("dask is not installed", hint="pip install 'ledger-ml[dask]'") from None
    check_sendable(recipe)
    if address == LOCAL:
        check_guarded()
    local: Any = None
    client: Any = None
    try:
        if address == LOCAL:
            local = distributed.LocalCluster(
                n_workers=jobs or cores(), threads_per_worker=1, processes=True, dashboard_address=None
            )
            client = distributed.Client(local)
        else:
            client = _client(distributed, address)
        workers = _check(client, address, root)
        yield _Cluster(client, workers)
    finally:
        if client is not None:
            client.close()
        if local is not None:
            local.close()


def _client(distributed: Any, address: str) -> Any:
    try:
        protocol, _ = distributed.comm.parse_address(address)
        distributed.comm.registry.get_backend(protocol)
        host, port = distributed.comm.get_address_host_port(address, strict=True)
        # Asked first: a client that never met its scheduler takes long to give up, and to go.
        if not 0 < port < 2**16:
            raise ValueError(f"there is no port {port}")
        with socket.create_connection((host, port), timeout=_TIMEOUT_S) as there:
            if protocol == "tcp":
                _hear(there)
        return distributed.Client(address, timeout=_TIMEOUT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise Undecided(
            f"there is no Dask scheduler at {address}: {_short(error)}", hint="start one: dask scheduler"
        ) from None
    except ValueError as error:
        raise UsageError(
            f"{address!r} is no address of a Dask scheduler: {_short(error)}", hint="such as tcp://host:8786"
        ) from None


def _hear(there: socket.socket) -> None:
    """Raise OSError where who listens does not begin as Dask does: with the length of a short message."""
    said = there.recv(8, socket.MSG_WAITALL)
    if len(said) < 8 or int.from_bytes(said, "little") > 1 << 20:
        raise OSError("what listens there is no Dask")


def _check(client: Any, address: str, root: str) -> int:
    """Return how many workers the cluster has; raises Undecided where one of them cannot do the work."""
    info = client.scheduler_info(n_workers=-1)["workers"]
    if not info:
        raise Undecided(f"the cluster at {address} has no workers", hint=f"start some: dask worker {address}")
    found = client.run(_standing, root, on_error="return")
    for worker, said in found.items():
        if isinstance(said, BaseException):
            raise Undecided(
                f"the worker {worker} cannot load ledger: {_short(said)}",
                hint=f"install it there: pip install ledger-ml=={__version__}",
            )
        version, sees = said
        if version != __version__:
            raise Undecided(
                f"the worker {worker} has ledger {version}, and this is {__version__}",
                hint=f"install it there: pip install ledger-ml=={__version__}",
            )
        if not sees:
            raise Undecided(
                f"the worker {worker} does not see the ledger at {root}",
                hint="the workers must reach it by the same path, such as on a shared disk",
            )
    return sum(each["nthreads"] for each in info.values())


def _standing(root: str) -> tuple[str, bool]:
    """Return which ledger a worker has, and whether it sees the files; runs there."""
    return __version__, os.path.isdir(os.path.join(root, "runs"))


def _short(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
