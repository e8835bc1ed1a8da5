import type { Shard } from "./broker.ts";
import { type Consumer, type ConsumerOptions, createConsumer } from "./consumer.ts";
import { depthOf, readPartDepths } from "./depths.ts";
import { dealSlots, nextShares, type ShardLoad } from "./shares.ts";

/** How often shards that have no free slot are looked at for jobs that wait, in milliseconds. */
const lookInterval = 250;

/** How often slots that have nothing to do change the shards that they listen to, where they are too few for all. */
const idleTurn = 20 * lookInterval;

interface Part {
  readonly shard: Shard;
  readonly consumer: Consumer;
  /** How many slots it has now. */
  share: number;
  /** How many jobs of it wait, as of the last look. */
  waiting: number;
}

/**
 * Takes the jobs of one queue from all its shards, with one concurrency for all: slots go where work is. Every shard is
 * served in turn, also by fewer slots than there are shards; one that nobody listens to is looked at four times a second.
 */
export function createSpreadConsumer(
  shards: readonly Shard[],
  options: Omit<ConsumerOptions, "broker">,
): Consumer {
  const [home] = shards;
  // BullMQ counts what it keeps by shard.
  const part = <Kept extends { count: number }>(kept: Kept): Kept => ({
    ...kept,
    count: Math.ceil(kept.count / shards.length),
  });
  const { result, failure, logLines } = options.retention;
  const retention = { result: part(result), failure: part(failure), logLines };
  // Not copied: some options are read when they are needed.
  const optionsOf = (shard: Shard, more: Partial<ConsumerOptions> = {}): ConsumerOptions =>
    Object.assign(Object.create(options), { broker: shard, retention, ...more });
  if (home !== undefined && shards.length === 1) return createConsumer(optionsOf(home));

  let total = options.concurrency;
  let paused = false;
  let started = false;
  let draining = false;
  let timer: NodeJS.Timeout | undefined;
  let turn = Math.floor(Math.random() * shards.length);
  let turnedAt = performance.now();
  let changing: Promise<void> = Promise.resolve();

  const active = (): number => parts.reduce((sum, { consumer }) => sum + consumer.status().active, 0);
  const parts: Part[] = shards.map((shard) => ({
    shard,
    share: 0,
    waiting: 0,
    consumer: createConsumer(
      optionsOf(shard, {
        concurrency: 1,
        // A shard that loses a slot may just have taken a job for it.
        isFull: () => active() >= total,
        async run(job) {
          try {
            return await options.run(job);
          } finally {
            // Its slot may be another shard's by now; it is free when BullMQ has moved the job.
            setImmediate(adjust);
          }
        },
      }),
    ),
  }));
  let dealt = dealSlots(total, parts.map(loadOf), turn);

  function loadOf({ consumer, waiting }: Part): ShardLoad {
    return { active: consumer.status().active, waiting };
  }

  /** Brings the shares nearer to those that were dealt, one change at a time. */
  function adjust(): void {
    if (!started || draining || paused) return;
    const now = parts.map(({ share, consumer }) => ({ share, active: consumer.status().active }));
    const next = nextShares(total, now, dealt);
    for (const [index, part] of parts.entries()) {
      const share = next[index] ?? 0;
      if (share === part.share) continue;
      const before = part.share;
      part.share = share;
      changing = changing.then(() => setShare(part.consumer, before, share)).catch(options.onError);
    }
  }

  async function setShare(consumer: Consumer, before: number, share: number): Promise<void> {
    if (draining || paused) return;
    if (share === 0) return consumer.pause();
    await consumer.setConcurrency(share);
    if (before === 0) await consumer.resume();
  }

  /** Finds out where jobs wait, and deals the slots anew. */
  async function look(): Promise<void> {
    await Promise.all(
      parts.map(async (part) => {
        // With a free slot it takes what comes by itself.
        if (part.consumer.status().active < part.share) part.waiting = 0;
        else part.waiting = await waitingIn(part.shard, options.queue);
      }),
    );
    if (draining) return;
    const loads = parts.map(loadOf);
    const hungry = loads.filter(({ waiting }) => waiting > 0).length;
    const few =
      loads.reduce((sum, load) => sum + load.active + load.waiting, 0) > total || total < parts.length;
    const slice = hungry > 0 ? lookInterval : idleTurn;
    if (few && performance.now() - turnedAt >= slice) {
      turn = (turn + 1) % parts.length;
      turnedAt = performance.now();
    }
    dealt = dealSlots(total, loads, turn);
    adjust();
  }

  function schedule(): void {
    timer = setTimeout(() => {
      const looked = paused ? Promise.resolve() : look();
      looked.catch(options.onError).finally(() => {
        if (!draining) schedule();
      });
    }, lookInterval);
  }

  return {
    async start() {
      await Promise.all(
        parts.map(async ({ consumer }) => {
          await consumer.pause();
          await consumer.start();
        }),
      );
      started = true;
      adjust();
      await changing;
      schedule();
    },
    async drain() {
      draining = true;
      clearTimeout(timer);
      await Promise.all(parts.map(({ consumer }) => consumer.drain()));
    },
    abort(reason, matches) {
      for (const { consumer } of parts) consumer.abort(reason, matches);
    },
    held: () => parts.flatMap(({ consumer }) => consumer.held()),
    status() {
      const taken = parts.flatMap(({ consumer }) => consumer.status().takenAt ?? []);
      const takenAt = taken.length === 0 ? null : Math.max(...taken);
      return { name: options.queue, concurrency: total, active: active(), takenAt, paused };
    },
    async setConcurrency(concurrency) {
      total = concurrency;
      dealt = dealSlots(total, parts.map(loadOf), turn);
      adjust();
      await changing;
    },
    async pause() {
      paused = true;
      await changing;
      await Promise.all(parts.map(({ consumer }) => consumer.pause()));
    },
    async resume() {
      paused = false;
      // All of them were paused.
      for (const part of parts) part.share = 0;
      dealt = dealSlots(total, parts.map(loadOf), turn);
      adjust();
      await changing;
    },
  };
}

/** How many jobs of a shard could start now; of those that are due at their time one is told for all. */
async function waitingIn(shard: Shard, queue: string): Promise<number> {
  const depths = await readPartDepths(shard, queue);
  if (depths.paused) return 0;
  const due = (depthOf(depths, "scheduled").oldestAge ?? 0) > 0 ? 1 : 0;
  return depthOf(depths, "waiting").jobs + due;
}
