"""Celery's side of the benchmark of workflows.

Started with `worker` it is a Celery worker; with `client` it reads lines such as `chain 100` from standard input, runs
that composition, and prints one JSON line: the seconds from its call to its result, and the result.
The broker's address is in BENCH_REDIS_URL.
"""

import json
import os
import sys
import time

from celery import Celery, chain, chord, group

url = os.environ["BENCH_REDIS_URL"]
app = Celery("celery_canvas", broker=url, backend=url)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    result_expires=3600,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task(name="add")
def add(left, right):
    return left + right


@app.task(name="total")
def total(numbers):
    return sum(numbers)


def compose(shape, size):
    if shape == "chain":
        return chain(add.s(0, 1), *(add.s(1) for _ in range(size - 1)))
    header = [add.s(index, 1) for index in range(size)]
    return group(header) if shape == "group" else chord(header, total.s())


def serve():
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        shape, size = line.split()
        composition = compose(shape, int(size))
        begun = time.perf_counter()
        result = composition.apply_async().get(timeout=120, interval=0.005)
        seconds = time.perf_counter() - begun
        print(json.dumps({"seconds": seconds, "result": sum(result) if shape == "group" else result}), flush=True)


if sys.argv[1] == "worker":
    app.worker_main(["worker", "--concurrency", "4", "--loglevel", "warning", "--without-gossip", "--without-mingle"])
else:
    serve()
