"""A Celery application whose queues move to Lovage one by one: `app = MovableCelery("tasks", …)`.

LOVAGE_QUEUES names the queues that have moved, separated by commas. A call for one of them goes to Lovage's HTTP API
(LOVAGE_URL, LOVAGE_API_KEY), every other one to Celery as ever: `delay`, `apply_async`, `send_task` and Beat alike.
"""

import logging
import os
import uuid

from celery import Celery

from celery_calls import LovageResult, belongs_to_celery, input_of, options_of
from lovage_http import Lovage

log = logging.getLogger("movable")


class MovableCelery(Celery):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.moved = {name for name in os.environ.get("LOVAGE_QUEUES", "").split(",") if name}
        self.lovage = Lovage(os.environ["LOVAGE_URL"], os.environ["LOVAGE_API_KEY"]) if self.moved else None
        # Where Lovage's task takes another input than the arguments by their names: task name to a function of them.
        self.lovage_inputs = {}

    def send_task(self, name, args=None, kwargs=None, **options):
        if not self._has_moved(name, args, kwargs, options):
            return super().send_task(name, args, kwargs, **options)
        stays = belongs_to_celery(options)
        if stays:
            log.warning("%s stays with Celery, for the call has %s", name, ", ".join(stays))
            return super().send_task(name, args, kwargs, **options)
        run = getattr(self.tasks.get(name), "run", None)
        to_input = self.lovage_inputs.get(name)
        input = to_input(*(args or ()), **(kwargs or {})) if to_input else input_of(run, args, kwargs)
        # With an id of its own a request that is sent again makes no second job.
        id = options.get("task_id") or str(uuid.uuid4())
        self.lovage.enqueue(name, input, id=id, **options_of(options))
        return LovageResult(self.lovage, id)

    def result_of(self, id):
        """The result of a job of either side, for those who kept its id."""
        if self.lovage is not None and self.lovage.find(id) is not None:
            return LovageResult(self.lovage, id)
        return self.AsyncResult(id)

    def _has_moved(self, name, args, kwargs, options):
        if not self.moved:
            return False
        task = options.get("task_type") or self.tasks.get(name)
        wanted = {key: options[key] for key in ("queue", "exchange", "routing_key") if options.get(key)}
        if not wanted and getattr(task, "queue", None):
            wanted = {"queue": task.queue}
        queue = self.amqp.router.route(wanted, name, args or (), kwargs or {}, task).get("queue")
        return getattr(queue, "name", None) in self.moved
