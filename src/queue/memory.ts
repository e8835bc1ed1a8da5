import type { TaskMemory } from "../task/context.ts";
import type { Broker } from "./broker.ts";

export function createMemory(broker: Broker, task: string): TaskMemory {
  const { redis, keys } = broker;
  return {
    get: async (key) => (await redis.get(keys.memory(task, key))) ?? undefined,
    set: async (key, value, ttl) => {
      await redis.set(keys.memory(task, key), value, "PX", ttl);
    },
    claim: async (key, value, ttl) =>
      (await redis.set(keys.memory(task, key), value, "PX", ttl, "NX")) === "OK",
    forget: async (key) => {
      await redis.del(keys.memory(task, key));
    },
  };
}
