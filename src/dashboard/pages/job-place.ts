import { LovageError } from "../../core/errors.ts";
import { type QueueName, queueNames } from "../../task/definition.ts";

export interface JobPlace {
  queue: QueueName;
  id: string;
}

/** The job that a path names. @throws LovageError `NOT_FOUND` for a queue that there is not */
export function placeOf({ params }: { params: Record<string, string | string[] | undefined> }): JobPlace {
  const queue = queueNames.find((name) => name === params["queue"]);
  if (queue !== undefined) return { queue, id: String(params["id"] ?? "") };
  throw new LovageError("NOT_FOUND", `there is no queue ${JSON.stringify(params["queue"])}`, {
    hint: `the queues are ${queueNames.join(", ")}`,
  });
}
