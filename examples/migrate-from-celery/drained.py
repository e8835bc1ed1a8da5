"""What Celery still has of queues, from its Redis: `python drained.py redis://127.0.0.1:6379/0 default`.

Exit code 1 while there is something. What is held by a worker that died counts as held until Celery's visibility
timeout (an hour by default) gives it to another one.
"""

import json
import sys

import redis

url, *queues = sys.argv[1:]
client = redis.Redis.from_url(url)
left = 0
for queue in queues:
    # A list for each priority; their names are the queue's, a separator and the priority.
    lists = [queue, *(f"{queue}\x06\x16{priority}" for priority in range(1, 10))]
    waiting = sum(client.llen(name) for name in lists)
    # What workers hold: messages they run, prefetched, or keep in memory until their time (ETA, countdown, a retry).
    held = [json.loads(text) for text in client.hvals("unacked")]
    of_queue = [message for message, _exchange, routing_key in held if routing_key == queue]
    later = sum(message["headers"].get("eta") is not None for message in of_queue)
    print(f"{queue}: {waiting} waiting, {len(of_queue)} held by workers, {later} of these for a later time")
    left += waiting + len(of_queue)
sys.exit(1 if left else 0)
