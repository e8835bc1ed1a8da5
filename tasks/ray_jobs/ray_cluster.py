"""The Ray cluster that this program runs on."""

from __future__ import annotations

import logging
import math
import os


def connect() -> None:
    """Joins the cluster (``RAY_ADDRESS``), quietly: what workers print does not belong into the job's log."""
    # Read when Ray's modules are loaded. Ray looks after its training workers every two seconds otherwise,
    # and a process that watches for preempted nodes costs more than a short training.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.25")
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.ERROR)


def cpus_for_workers() -> int:
    """How many worker processes may be started: what is free now, but half of the cluster at least (others
    end)."""
    import ray

    total = ray.cluster_resources().get("CPU", 1.0)
    free = ray.available_resources().get("CPU", 0.0)
    return max(1, math.floor(free / cpus_per_worker() + 1e-6), math.floor((total - 1) / 2))


def cpus_per_worker() -> float:
    """What a worker process reserves: one CPU, or a little less on a small cluster, where it would leave a
    core idle that programs such as this one took a small part of."""
    import ray

    total = ray.cluster_resources().get("CPU", 1.0)
    return 0.5 if total < 2 else 0.9 if total < 4 else 1.0
