"""What calls.test.ts looks at: the helper and the words of Celery against a real dashboard and worker. Prints JSON."""

import json
import os
from datetime import UTC, datetime, timedelta

from celery_calls import LovageResult, belongs_to_celery, input_of, options_of
from lovage_http import Lovage, LovageError

lovage = Lovage(os.environ["LOVAGE_URL"], os.environ["LOVAGE_API_KEY"])


def refused(call):
    try:
        return call()
    except (LovageError, TypeError, ValueError) as error:
        return getattr(error, "code", type(error).__name__)


def echo(text, end="result", **others): ...


first = lovage.enqueue("test.echo", {"text": "once"}, idempotency_key="order-4711")
again = lovage.enqueue("test.echo", {"text": "once"}, idempotency_key="order-4711")
later = lovage.enqueue("test.echo", {}, **options_of({"countdown": 600, "priority": 3, "exchange": "x"}))
ended = LovageResult(lovage, first)
failing = LovageResult(lovage, lovage.enqueue("test.echo", {"end": "error"}, attempts=1))
in_an_hour = datetime.now(UTC) + timedelta(hours=1)
lovage.cancel(later)

# Its line is cut after the request was sent: the same request, sent again, is the same job.
cut = Lovage(os.environ["CUT_URL"], os.environ["LOVAGE_API_KEY"])
cut_id = cut.enqueue("test.echo", {"text": "cut"}, tags=["cut"])

print(
    json.dumps(
        {
            "one job": first == again,
            "result": ended.get(timeout=30),
            "ended": [ended.state, ended.ready(), ended.successful(), ended.result["text"]],
            "error": refused(lambda: failing.get(timeout=30)),
            "error as a value": failing.get(propagate=False).code,
            "failed": [failing.state, failing.failed()],
            "cancelled": LovageResult(lovage, later).state,
            "unknown": [lovage.find("nobody"), LovageResult(lovage, "nobody").state],
            "too long": refused(lambda: lovage.result(lovage.enqueue("test.echo", {}, delay="1h"), timeout=0.2)),
            "bad input": refused(lambda: lovage.enqueue("test.echo", {"txt": 1})),
            "another input": refused(lambda: lovage.enqueue("test.echo", {}, idempotency_key="order-4711")),
            "nobody there": refused(lambda: Lovage("http://127.0.0.1:9", "key", timeout=0.6).find("x")),
            "cut": lovage.result(cut_id, timeout=30)["text"],
            "input": input_of(echo, ("a",), {"end": "b", "more": 1}),
            "input by name alone": [input_of(None, (), {"a": 1}), refused(lambda: input_of(None, (1,), {}))],
            "input without names": refused(lambda: input_of(lambda *many: None, (1, 2), {})),
            "options": options_of({"expires": 60, "time_limit": 2.5, "eta": in_an_hour, "queue": "data"})
            == {"expires": 60_000, "timeLimit": 2500, "at": in_an_hour.isoformat()},
            "a moment without a zone": refused(lambda: options_of({"eta": datetime(2030, 1, 1)})),
            "stays": [
                belongs_to_celery(options)
                for options in ({"retries": 1}, {"chain": []}, {"retries": 0, "link": None, "task_id": "x"})
            ],
        }
    )
)
