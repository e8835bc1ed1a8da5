import { findQueue } from "../../queue/broker.ts";
import { readFeed } from "../../queue/event-feed.ts";
import { readHistory } from "../../queue/history.ts";
import { searchJobs } from "../../queue/job-search.ts";
import { forgetJob } from "../../queue/removal.ts";
import { readSnapshot } from "../../queue/snapshot.ts";
import { readWorkflowTree } from "../../queue/workflow-tree.ts";
import { canvas } from "../../task/builtin.ts";
import { callsOf } from "../../task/canvas.ts";
import type { Backend, PlacedJob } from "../backend.ts";
import { checkCanvas, checkRayCluster, type PlainCall } from "../calls.ts";
import type { RedisClientOptions } from "../options.ts";
import { createConnection } from "./connection.ts";
import { createControl } from "./control.ts";
import { createDeadLetterAccess } from "./dead-letters.ts";
import { enqueueAll } from "./enqueuing.ts";
import { createInspect } from "./inspect.ts";
import { createJobAccess } from "./jobs.ts";
import { createReach } from "./reach.ts";
import { createScheduleAccess } from "./schedules.ts";

/** Redis itself; connected at the first call. */
export function createRedisBackend(options: RedisClientOptions): Backend {
  const connection = createConnection(options);
  const { bounded } = connection;
  const reach = createReach(connection);

  return {
    enqueue: async (calls) => enqueueAll(await connection.parts(), calls),
    async start(composition, callOptions) {
      const parts = await connection.parts();
      await parts.inTime(checkCanvas(parts.directory, composition));
      for (const { task, options } of callsOf(composition))
        await parts.inTime(checkRayCluster(parts.directory, task, options));
      const call: PlainCall = { task: canvas.name, input: composition };
      if (callOptions !== undefined) call.options = callOptions;
      const [placed] = await enqueueAll(parts, [call]);
      return placed as PlacedJob;
    },
    find: (id, given) =>
      bounded(async ({ broker }) => {
        const queue = given ?? (await findQueue(broker, id));
        const { task } = await readSnapshot(broker, queue, id);
        return { id, task, queue };
      }),
    forget: (id, queue) =>
      bounded(async ({ broker }) => forgetJob(broker, { id, queue: queue ?? (await findQueue(broker, id)) })),
    jobs: createJobAccess(connection),
    async *events(asked, over) {
      const { broker, reader } = await connection.parts();
      yield* readFeed(broker, reader, asked, over);
    },
    deadLetters: createDeadLetterAccess(connection),
    workflow: (id, queue, treeOptions) =>
      bounded(async ({ broker }) =>
        readWorkflowTree(broker, queue ?? (await findQueue(broker, id)), id, treeOptions),
      ),
    tasks: () => bounded((parts) => parts.directory.list()),
    history: (query) => bounded(({ broker }) => readHistory(broker, query)),
    schedules: createScheduleAccess(connection),
    search: (query, options) => bounded(({ broker }) => searchJobs(broker, query, options)),
    inspect: createInspect(reach),
    control: createControl(reach),
    close: connection.close,
  };
}
