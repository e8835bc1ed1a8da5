"""A call as Celery is told of it, in Lovage's words. Needs no Celery."""

import inspect
from datetime import datetime

# A call that brings one of these is a part of a composition, or a further attempt. Its other parts are with Celery.
OF_A_COMPOSITION = (
    "link", "link_error", "chain", "chord", "group_id", "root_id", "parent_id", "retries", "reply_to",
)  # fmt: skip

STATES = {
    "waiting": "PENDING",
    "scheduled": "PENDING",
    "active": "STARTED",
    "waiting-children": "STARTED",
    "completed": "SUCCESS",
    "failed": "FAILURE",
    "cancelled": "REVOKED",
    "expired": "REVOKED",
}


def belongs_to_celery(options):
    return [name for name in OF_A_COMPOSITION if options.get(name)] or ("chain" in options and ["chain"]) or []


def input_of(run, args, kwargs):
    """One object of the arguments, by the names that the task's function gives them."""
    if run is None:
        if args:
            raise TypeError("a task that is called by its name alone takes keyword arguments only")
        return dict(kwargs or {})
    bound = inspect.signature(run).bind(*(args or ()), **(kwargs or {}))
    input = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            raise TypeError(f"*{name} has no names: say how its values are called in Lovage's input")
        input.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
    return input


def options_of(options):
    """Lovage's options of Celery's; what is not listed (exchange, serializer, …) has no meaning there."""
    told = {
        "delay": _milliseconds(options.get("countdown")),
        "at": _moment(options.get("eta")),
        "expires": _moment(options.get("expires")) or _milliseconds(options.get("expires")),
        "priority": options.get("priority"),
        "timeLimit": _milliseconds(options.get("time_limit")),
        "softTimeLimit": _milliseconds(options.get("soft_time_limit")),
        "ignoreResult": options.get("ignore_result"),
    }
    return {name: value for name, value in told.items() if value is not None}


def _milliseconds(seconds):
    return None if seconds is None else round(seconds * 1000)


def _moment(moment):
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone, so it may mean several moments")
        return moment.isoformat()
    return moment if isinstance(moment, str) else None


class LovageResult:
    """As much of Celery's AsyncResult as most callers use."""

    def __init__(self, lovage, id):
        self.lovage = lovage
        self.id = self.task_id = id

    def get(self, timeout=None, propagate=True, **_):
        try:
            return self.lovage.result(self.id, timeout)
        except Exception as error:
            if propagate or getattr(error, "code", "") in ("WAIT_TIMEOUT", "JOB_NOT_FOUND", "API_UNAVAILABLE"):
                raise
            return error

    wait = get

    @property
    def state(self):
        job = self.lovage.find(self.id)
        # As Celery has it: an unknown id is PENDING.
        return "PENDING" if job is None else STATES[job["state"]]

    status = state

    @property
    def result(self):
        return self.get(timeout=0, propagate=False) if self.ready() else None

    def ready(self):
        return self.state in ("SUCCESS", "FAILURE", "REVOKED")

    def successful(self):
        return self.state == "SUCCESS"

    def failed(self):
        return self.state == "FAILURE"

    def revoke(self, **_):
        self.lovage.cancel(self.id, "revoked by its caller")

    def __str__(self):
        return self.id
