import { LovageError } from "../../core/errors.ts";
import { findQueue } from "../../queue/broker.ts";
import { walkDeadLetters } from "../../queue/dead-letters.ts";
import type { JobPlace } from "../../queue/idempotency.ts";
import { forgetJob } from "../../queue/removal.ts";
import {
  claimReplay,
  noteReplayed,
  prepareReplay,
  queueOfReplay,
  readDeadCall,
  readDeadLetter,
} from "../../queue/replay.ts";
import type { JobSnapshot } from "../../queue/snapshot.ts";
import type { PlacedJob } from "../backend.ts";
import { checkContinuations, checkInput, checkRayCluster } from "../calls.ts";
import type { AskedReplay, DeadLetterAccess } from "../dead-letters.ts";
import type { ClientParts, Connection } from "./connection.ts";

const mostInPage = 1000;

export function createDeadLetterAccess({ bounded, parts }: Connection): DeadLetterAccess {
  return {
    list: ({ limit = 50, cursor, ...filter } = {}) =>
      bounded(async ({ broker }) => {
        if (!Number.isInteger(limit) || limit < 1 || limit > mostInPage) {
          throw new LovageError("INPUT_INVALID", `limit is ${limit}`, {
            field: "limit",
            value: limit,
            hint: `use a whole number from 1 to ${mostInPage}`,
          });
        }
        const jobs: JobSnapshot[] = [];
        let last: string | undefined;
        for await (const found of walkDeadLetters(broker, filter, cursor)) {
          if (jobs.length === limit) return { jobs, cursor: last };
          jobs.push(found.snapshot);
          last = found.cursor;
        }
        return { jobs, cursor: undefined };
      }),
    get: (id, { queue } = {}) => bounded((ready) => findDead(ready, id, queue)),
    async replay(id, queue, asked) {
      const ready = await parts();
      return replay(ready, await ready.inTime(findDead(ready, id, queue)), asked);
    },
    replayRead: async (dead, asked) => replay(await parts(), dead, asked),
    async *walk(filter) {
      const { broker, inTime } = await parts();
      const walk = walkDeadLetters(broker, filter);
      for (;;) {
        const next = await inTime(walk.next());
        if (next.done === true) return;
        yield next.value.snapshot;
      }
    },
    discard: (id, { queue } = {}) =>
      bounded(async (ready) => {
        const dead = await findDead(ready, id, queue);
        await forgetJob(ready.broker, dead);
      }),
  };
}

async function findDead(ready: ClientParts, id: string, given: string | undefined): Promise<JobSnapshot> {
  const queue = given ?? (await findQueue(ready.broker, id));
  return readDeadLetter(ready.broker, { queue, id });
}

async function replay(
  { broker, directory, inTime, sender, timeout }: ClientParts,
  dead: JobPlace & { task: string },
  { again = false, options = {}, ...asked }: AskedReplay,
): Promise<PlacedJob> {
  const until = Date.now() + timeout;
  const entry = await inTime(directory.get(dead.task));
  await inTime(checkContinuations(directory, options));
  await inTime(checkRayCluster(directory, dead.task, options));
  const found = await inTime(readDeadCall(broker, dead, "input" in asked));
  const input = checkInput(entry, "input" in asked ? asked.input : found.call.input);
  const queue = queueOfReplay(dead, entry, options);
  // Refuses bad options before anything is claimed.
  const draft = (place: JobPlace) =>
    prepareReplay(found, entry, { input, options, place, replayOf: dead.id });
  draft({ id: dead.id, queue });
  const claim = await inTime(claimReplay(broker, dead, { input, queue, again }));
  if (!claim.made) {
    await sender.send([draft(claim)], Math.max(0, until - Date.now()));
    await inTime(noteReplayed(broker, dead, claim.record));
  }
  return { id: claim.id, queue: claim.queue, task: dead.task };
}
