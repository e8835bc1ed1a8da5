"""Which nodes of the cluster did a program's work, to show how far it spread."""

from __future__ import annotations

import functools
import sys

from lovage_job import Model

_PREFIX = "lovage_nodes_used:"


class NodesUsed(Model):
    """Of the nodes that are alive at the end, how many worked."""

    used: int
    of: int

    def __str__(self) -> str:
        return f"nodes used {self.used} of {self.of}"


def note_node() -> None:
    """Called wherever work is done, in any process: the node that it runs on did some of it."""
    if _connected():
        _note_once()


def nodes_used() -> NodesUsed:
    """In the program, once its work is done. Forgets what was noted."""
    if not _connected():
        # It did all of it itself.
        return NodesUsed(used=1, of=1)
    import ray
    from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_list

    prefix = _prefix()
    used = len(_internal_kv_list(prefix))
    _internal_kv_del(prefix, del_by_prefix=True)
    alive = sum(node["Alive"] for node in ray.nodes())
    # A node that worked and died since is one more than there are.
    return NodesUsed(used=used, of=max(used, alive))


@functools.cache
def _note_once() -> None:
    # In Ray's own table: an actor to collect it would cost a process, and what comes back with the work is not the
    # same for tasks, trials and training workers.
    import ray
    from ray.experimental.internal_kv import _internal_kv_put

    _internal_kv_put(_prefix() + ray.get_runtime_context().get_node_id().encode(), b"1")


def _connected() -> bool:
    # What never loaded Ray, as tests of parts do not, does not load it for this.
    return "ray" in sys.modules and sys.modules["ray"].is_initialized()


def _prefix() -> bytes:
    import ray

    return f"{_PREFIX}{ray.get_runtime_context().get_job_id()}:".encode()
