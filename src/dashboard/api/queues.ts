import type { queues } from "../../contract/queues.ts";
import type { DashboardParts } from "../parts.ts";
import { given, type Handlers } from "./operation-types.ts";

/** The queues, and what waits in them. */
export function queueHandlers({ client }: DashboardParts): Handlers<keyof typeof queues> {
  const { control, inspect } = client;
  return {
    async listQueues() {
      return { queues: await inspect.queues() };
    },
    async listScheduled({ query }) {
      return { jobs: await inspect.scheduled(given(query)) };
    },
    async listReserved({ query }) {
      return { jobs: await inspect.reserved(given(query)) };
    },
    pauseQueue: ({ params: { queue } }) => control.pauseQueue(queue),
    resumeQueue: ({ params: { queue } }) => control.resumeQueue(queue),
    async purgeQueue({ params: { queue }, caller }) {
      caller.requireFinal();
      return control.purge(queue);
    },
  };
}
