import type { workers } from "../../contract/workers.ts";
import { LovageError } from "../../core/errors.ts";
import type { DashboardParts } from "../parts.ts";
import { given, type Handlers } from "./operation-types.ts";

/** The workers, and what they are told. */
export function workerHandlers({ client }: DashboardParts): Handlers<keyof typeof workers> {
  const { control, inspect } = client;
  return {
    async listWorkers() {
      return { workers: await inspect.workers() };
    },
    askWorkers: ({ params: { question }, query }) => inspect[question](given(query)),
    async controlWorkers({ params: { command }, body, caller }) {
      const { queue, concurrency, ...asked } = given(body);
      const refuse = (field: string) => {
        const unused = new LovageError("INPUT_INVALID", `${command} takes no ${field}`, {
          field,
          hint: "leave it out",
        });
        throw unused;
      };
      if (concurrency !== undefined && command !== "concurrency" && command !== "add-queue")
        refuse("concurrency");
      if (queue !== undefined && command === "shutdown") refuse("queue");
      const ofQueue = { ...asked, ...(queue !== undefined && { queue }) };
      switch (command) {
        case "pause":
          return control.pauseWorkers(ofQueue);
        case "resume":
          return control.resumeWorkers(ofQueue);
        case "concurrency":
          return control.concurrency(needed("concurrency", command, concurrency), ofQueue);
        case "add-queue":
          return control.addQueue(needed("queue", command, queue), {
            ...asked,
            ...(concurrency !== undefined && { concurrency }),
          });
        case "remove-queue":
          return control.removeQueue(needed("queue", command, queue), asked);
        case "shutdown":
          caller.requireFinal();
          return control.shutdown(asked);
      }
    },
    async forgetWorker({ params: { name }, caller }) {
      caller.requireFinal();
      await control.forget(name);
    },
  };
}

/** @throws LovageError `INPUT_INVALID` */
function needed<T>(field: string, command: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new LovageError("INPUT_INVALID", `${command} needs ${field}`, { field, hint: "see /api/v1/docs" });
}
