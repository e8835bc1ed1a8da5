"""Work items through Ray Data: a stream of tasks, results as they come, failures as what they were."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from lovage_job import find_job_error
from nodes_used import note_node

Item = TypeVar("Item")
Result = TypeVar("Result")


def processes() -> int:
    """How many tasks the cluster can run at once."""
    import ray_cluster

    import ray

    ray_cluster.connect()
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def mapped(items: list[Item], function: Callable[[Item], Result]) -> Iterator[Result]:
    """Applies a function to each item in a task of its own; results come in any order.

    A JobError that a task raises is raised here as itself.
    """
    import ray.data
    import ray_cluster

    import ray

    ray_cluster.connect()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Wrapped, the exception would come without its cause, and so without its code.
    context.raise_original_map_exception = True
    for name in ("ray.data", "ray.data._internal"):
        logging.getLogger(name).setLevel(logging.ERROR)

    def apply(row: dict[str, Any]) -> dict[str, Any]:
        note_node()
        return {"item": function(row["item"])}

    stream = ray.data.from_items([{"item": item} for item in items], override_num_blocks=len(items)).map(
        apply, num_cpus=ray_cluster.cpus_per_worker()
    )
    try:
        for row in stream.iter_rows():
            yield row["item"]
    except Exception as error:
        found = find_job_error(error)
        if found is None:
            raise
        raise found from None
