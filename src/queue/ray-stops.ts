import type { Broker } from "./broker.ts";

/** The marks of Ray jobs that must stop (see stopMark); whoever finds one of them ended removes it. */
export function createRayStops({ redis, keys }: Broker) {
  return {
    async add(submissionId: string): Promise<void> {
      await redis.sadd(keys.rayStops, submissionId);
    },
    async remove(submissionId: string): Promise<void> {
      await redis.srem(keys.rayStops, submissionId);
    },
    list: (): Promise<string[]> => redis.smembers(keys.rayStops),
  };
}
