import { createClient } from "#client";
import { createApiKeys } from "../../src/queue/api-keys.ts";
import { publishManifests } from "../../src/queue/manifests.ts";
import { describeTask } from "../../src/task/manifest.ts";
import { type TestTasks, testCatalogue } from "./catalogue.ts";
import { createDashboardWorld } from "./dashboard-world.ts";
import { type CommonClientOptions, createWorld, type World, type WorldOptions } from "./world.ts";

/**
 * The two sides a client has, each with what makes its world: tests of the client run over both. Where they differ:
 * - Errors of the API tell the value at fault as a text: {@link Side.told}.
 * - A Redis that is away is told by the dashboard, and a dashboard that is away by the client itself (`API_UNAVAILABLE`);
 *   what is sent when, and what is not, is tested of each side by itself: `redis-away.test.ts`, `http/away.test.ts`.
 * - An API is asked for many jobs a thousand at a time, so that without the catalogue only those are checked together.
 */
export const sides: readonly (readonly [name: string, side: Side])[] = [
  ["Redis", { createWorld: createRedisWorld, told: (value) => value }],
  [
    "HTTP",
    {
      createWorld: createHttpWorld,
      told: (value) => (typeof value === "string" ? value : JSON.stringify(value)),
    },
  ],
];

/** The sides that a caller has: the two above, and Redis as its user "client", who may do nothing but call. */
export const callerSides: typeof sides = [
  ...sides,
  [
    "Redis as the user client",
    {
      createWorld: (options) => createRedisWorld({ ...options, callsOnly: true }),
      told: (value) => value,
      callsOnly: true,
    },
  ],
];

/** The sides above, and the same Redis with its queues spread over shards, alone and as a cluster of three masters. */
export const spreadSides: typeof sides = [
  [
    "Redis in shards",
    { createWorld: (options) => createRedisWorld({ ...options, shards: 3 }), told: (value) => value },
  ],
  [
    "a Redis Cluster",
    {
      createWorld: (options) => createRedisWorld({ ...options, shards: 3, cluster: true }),
      told: (value) => value,
    },
  ],
];

interface SideOptions extends WorldOptions {
  /** Whether the tasks lie in Redis as if a worker had run: a dashboard knows no others. Default: yes. */
  published?: boolean;
}

export interface Side {
  createWorld(options?: SideOptions): Promise<World>;
  /** The value of an error, as this side tells it. */
  told(value: unknown): unknown;
  /** Whether what operators do is refused. */
  callsOnly?: true;
}

async function createRedisWorld({ published = true, ...options }: SideOptions = {}): Promise<World> {
  const world = await createWorld(options);
  if (published) await publish(world);
  return world;
}

async function publish({ broker }: World): Promise<void> {
  await publishManifests(broker, testCatalogue.tasks.map(describeTask));
}

/** A world whose clients speak to a dashboard in this process. */
export async function createHttpWorld({
  published = true,
  ...options
}: SideOptions = {}): Promise<World & { url: string; apiKey: string }> {
  const world = await createDashboardWorld(options);
  const { token: apiKey } = await createApiKeys(world.broker).create({
    name: "tests",
    scopes: ["enqueue", "read", "control"],
    createdBy: "tests",
    rate: "1000000/s",
  });
  if (published) await publish(world);
  const { url } = world;
  const connect = (asked: CommonClientOptions = {}) => createClient<TestTasks>({ url, apiKey, ...asked });
  const client = connect({ catalogue: testCatalogue, ...options.client });
  return {
    ...world,
    url,
    apiKey,
    client,
    connect,
    variables: { LOVAGE_URL: url, LOVAGE_API_KEY: apiKey },
    async close() {
      await client.close();
      await world.close();
    },
  };
}
