"""Enqueues jobs as docs/wire-format.md says, with BullMQ's own Python package: what it reads from stdin, as JSON."""

import asyncio
import json
import sys

from bullmq import Queue


async def main() -> None:
    request = json.load(sys.stdin)
    ids = []
    for job in request["jobs"]:
        queue = Queue(job["queue"], {"connection": request["redis"], "prefix": request["prefix"]})
        added = await queue.add(job["name"], job["data"], job.get("opts", {}))
        ids.append(added.id)
        await queue.close()
    print(json.dumps(ids))


asyncio.run(main())
