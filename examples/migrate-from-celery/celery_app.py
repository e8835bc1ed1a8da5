"""The old deployment in small: three queues, Beat, and a task that starts Ray inside Celery's process."""

import os
import time

from movable import MovableCelery

app = MovableCelery("tasks", broker=os.environ["CELERY_REDIS"], backend=os.environ["CELERY_REDIS"])
app.conf.update(
    task_default_queue="default",
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_routes={"tasks.data_tasks.*": {"queue": "data"}, "tasks.ml_tasks.*": {"queue": "ml"}},
    beat_schedule={
        "health": {"task": "tasks.simple_tasks.check_cluster_health", "schedule": 10.0},
    },
)


@app.task(name="tasks.simple_tasks.ping")
def ping():
    return {"status": "pong", "worker": "celery"}


@app.task(name="tasks.simple_tasks.send_notification")
def send_notification(subject, message, level="info"):
    time.sleep(0.05)
    return subject


@app.task(name="tasks.simple_tasks.check_cluster_health")
def check_cluster_health():
    return "ok"


@app.task(name="tasks.data_tasks.process_large_csv")
def process_large_csv(path, out, where=None):
    # In the old deployment: ray.init(address="auto"), a remote function a chunk, ray.get.
    time.sleep(1)
    return out


# Lovage's task takes one object, and other names.
app.lovage_inputs["tasks.data_tasks.process_large_csv"] = lambda path, out, where=None: {
    "dataset": path,
    "output": out,
    "filter": where,
}
