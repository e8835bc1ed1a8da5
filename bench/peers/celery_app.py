"""Celery's side of the benchmarks: its worker and its client.

`worker N` is a prefork worker of N processes, which prints a line when it is ready. `client` reads one order a line
(see peer.ts), carries it out, and answers with one line. The Redis is in BENCH_REDIS_URL: messages lie in its database 1,
results in 2.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from celery import Celery, chain, chord, group
from celery.signals import worker_ready

url = os.environ["BENCH_REDIS_URL"]
app = Celery("celery_app", broker=f"{url}/1", backend=f"{url}/2")
app.conf.update(
    # As BullMQ: a job whose worker dies is given to another.
    task_acks_late=True,
    result_expires=86_400,
    broker_connection_retry_on_startup=True,
    # One connection for each of the 100 calls in flight.
    broker_pool_limit=100,
    redis_max_connections=200,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)


@app.task(name="ping")
def ping():
    return {"status": "pong", "worker": "bench"}


@app.task(name="add")
def add(left, right):
    return left + right


@app.task(name="total")
def total(numbers):
    return sum(numbers)


def say(answer):
    print(json.dumps(answer), flush=True)


def enqueue(jobs, in_flight):
    begun = time.perf_counter()
    if in_flight == 1:
        for _ in range(jobs):
            ping.apply_async()
    else:
        with ThreadPoolExecutor(in_flight) as threads:
            for sent in [threads.submit(ping.apply_async) for _ in range(jobs)]:
                sent.result()
    return {"seconds": time.perf_counter() - begun}


def call(calls):
    times = []
    for _ in range(calls):
        begun = time.perf_counter()
        ping.apply_async().get(timeout=30, interval=0.001)
        times.append((time.perf_counter() - begun) * 1000)
    return {"times": times}


def compose(shape, size):
    if shape == "chain":
        composition = chain(add.s(0, 1), *(add.s(1) for _ in range(size - 1)))
    else:
        header = [add.s(index, 1) for index in range(size)]
        composition = group(header) if shape == "group" else chord(header, total.s())
    begun = time.perf_counter()
    result = composition.apply_async().get(timeout=600, interval=0.005)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "sum": sum(result) if shape == "group" else result}


def carry_out(order):
    match order["do"]:
        case "enqueue":
            return enqueue(order["jobs"], order["inFlight"])
        case "call":
            return call(order["calls"])
        case "compose":
            return compose(order["shape"], order["size"])
    # It has no call that sends many.
    return {"none": True}


def main(role, *args):
    if role == "worker":
        worker_ready.connect(lambda **_: say("ready"), weak=False)
        quiet = ["--loglevel", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        app.worker_main(["worker", "--pool", "prefork", "-O", "fair", "--concurrency", args[0], *quiet])
        return
    say("ready")
    for line in sys.stdin:
        say(carry_out(json.loads(line)))


main(*sys.argv[1:])
