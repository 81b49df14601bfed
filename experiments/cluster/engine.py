"""Ray Data as an engine: parts of a list of pictures go through a pool of actors, results come back.

Ray is an extra. One actor holds one copy of the models and its own cores; a part whose actor died is done
again by another one.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import joblib
import pyarrow as pa

from coverfusion.data.errors import UserError, needs_extra

OBJECT_STORE_BYTES = (
    256 * 2**20
)  # bytes of the local cluster's shared memory: only lists and rows pass through it
ANSWER_SECONDS = 10.0  # seconds that a cluster may take to answer
# tells Ray Data's own progress, which ours replaces, and advice about settings that are set here
_LOUD = ("ray.data", "ray.data._internal", "ray._private.worker")


@dataclass(frozen=True)
class Cluster:
    """What an actor gets.

    Attributes:
        workers: actors.
        cpus: cores of an actor, and so its threads.
        gpus: GPUs of an actor; a fraction where actors share one, 0 where there is none.
    """

    workers: int
    cpus: int
    gpus: float


@contextmanager
def cluster(workers: int | None = None, address: str | None = None) -> Iterator[Cluster]:
    """A running cluster: the one at `address`, or else a local one that ends with the block.

    Args:
        workers: how many actors; None: one a GPU, or one a core where there is no GPU. Fewer actors get more
            cores each.
        address: as for `ray.init` ("auto", "host:6379"); None: `$RAY_ADDRESS` if set.

    Raises:
        UserError: Ray is not installed, the cluster cannot be reached, or it has too few cores.
    """
    ray = require_ray()
    mine = not ray.is_initialized()
    if mine:
        _start(ray, workers, address or os.environ.get("RAY_ADDRESS"))
    try:
        yield _shared_out(ray.cluster_resources(), workers)
    finally:
        if mine:
            ray.shutdown()


def run_parts(
    on: Cluster, parts: Iterable[pa.Table], actor: type[Any], *arguments: Any
) -> Iterator[pa.Table]:
    """Runs every part through the actors; results come in the order in which they are done.

    Args:
        on: the cluster.
        parts: small tables; each is one task.
        actor: a class that takes `arguments` and is then called with a part to give a table.
        arguments: what an actor is made from.

    Raises:
        UserError: an actor raised; one that merely dies is started again, and does its part again.
    """
    import ray

    tables = list(parts)
    if not tables:
        return
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    results = ray.data.from_arrow(tables).map_batches(
        actor,
        batch_size=None,  # a part stays whole
        batch_format="pyarrow",
        fn_constructor_args=arguments,
        compute=ray.data.ActorPoolStrategy(
            size=min(on.workers, len(tables)), max_tasks_in_flight_per_actor=2
        ),
        num_cpus=on.cpus,
        num_gpus=on.gpus or None,
    )
    try:
        yield from results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
    except ray.exceptions.RayError as error:
        raise UserError(f"The Ray run stopped: {_reason(error)} What is done is kept.") from error


def limit_threads(count: int) -> None:
    """Makes torch, OpenCV and BLAS of this process use `count` threads."""
    import cv2
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    threadpool_limits(count)


def require_ray() -> Any:
    """Ray itself.

    Raises:
        UserError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters is raised
    # says nothing of GPUs that nobody asked for: an actor asks for its share where there are any
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    needs_extra("ray", "--engine ray")
    import ray
    import ray.data

    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)
    return ray


def _start(ray: Any, workers: int | None, address: str | None) -> None:
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is not None:
        try:
            _knock(address)
            ray.init(address=address, **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(f"There is no Ray cluster at '{address}': {error}") from error
        return
    cores = joblib.cpu_count()
    ray.init(
        address="local",
        num_cpus=max(cores, workers or 1),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        **quiet,
    )


def _knock(address: str) -> None:
    """Raises OSError where nobody answers at host:port, which Ray would wait for for minutes."""
    host, _, port = address.rpartition(":")
    if host and "/" not in address and port.isdigit():
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()


def _shared_out(resources: dict[str, float], workers: int | None) -> Cluster:
    """Shares a cluster's cores and GPUs out evenly; an actor has at least one core."""
    cores, gpus = int(resources.get("CPU", 0)), resources.get("GPU", 0.0)
    workers = workers or int(gpus) or cores
    if not 1 <= workers <= cores:
        raise UserError(f"--workers {workers}: the cluster has {cores} cores, and a worker needs one.")
    share = gpus / workers
    return Cluster(workers, cores // workers, float(int(share)) if share >= 1 else int(share * 1000) / 1000)


def _reason(error: Exception) -> str:
    """The last line of an error that Ray wraps in traces of several processes."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
