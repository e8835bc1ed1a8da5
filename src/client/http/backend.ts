import { operations } from "../../contract/index.ts";
import type { TaskManifest } from "../../task/catalogue.ts";
import type { QueueName } from "../../task/definition.ts";
import type { Backend } from "../backend.ts";
import { gateOf, type HttpClientOptions } from "../options.ts";
import { createControl } from "./control.ts";
import { createDeadLetterAccess } from "./dead-letters.ts";
import { createEnqueuing } from "./enqueuing.ts";
import { createInspect } from "./inspect.ts";
import { createJobAccess } from "./jobs.ts";
import { createScheduleAccess } from "./schedules.ts";
import { createTransport } from "./transport.ts";

/** The HTTP API of a dashboard. Types of the contract are those of Redis' side, apart from what JSON cannot tell apart. */
export function createHttpBackend(options: HttpClientOptions): Backend {
  const { catalogue } = options;
  const transport = createTransport(options);
  const { call, stream } = transport;
  const tasks = async () => (await call(operations.listTasks, {})).tasks as TaskManifest[];
  const place = (id: string, queue: string | undefined) => ({
    params: { id },
    query: { queue: queue as QueueName | undefined },
  });

  return {
    ...createEnqueuing({ transport, catalogue, tasks, gate: gateOf(options) }),
    async find(given, queue) {
      const { id, task, queue: found } = await call(operations.getJob, place(given, queue));
      return { id, task, queue: found };
    },
    forget: (id, queue) => call(operations.forgetJob, place(id, queue)),
    jobs: createJobAccess(transport),
    events: ({ queues, since }, over) =>
      stream(operations.followEvents, { query: { queues: [...queues], since } }, over) as never,
    deadLetters: createDeadLetterAccess(transport),
    workflow: async (id, queue, { maxCalls }) => {
      const { params, query } = place(id, queue);
      return (await call(operations.getWorkflow, { params, query: { ...query, maxCalls } })) as never;
    },
    tasks,
    history: ({ span, queue, task } = {}) => call(operations.getHistory, { query: { span, queue, task } }),
    schedules: createScheduleAccess(transport),
    search: ({ states, ...query }, { limit, cursor }) => {
      const { id, queue, tag, code, worker, since, until, text } = query;
      const task = query.task === undefined ? query.tasks && [...query.tasks] : [query.task];
      const asked = { id, task, queue, tag, code, worker, since, until, text };
      return call(operations.search, { query: { ...asked, state: states && [...states], limit, cursor } });
    },
    inspect: createInspect(transport),
    control: createControl(transport),
    close: async () => transport.close(),
  };
}
