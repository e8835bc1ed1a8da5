import type { TaskMemory } from "../task/context.ts";

/** A task's memory without Redis; `now` decides what is forgotten. */
export function createTestMemory(now: () => number = Date.now): TaskMemory {
  const values = new Map<string, { value: string; until: number }>();
  const get = (key: string) => {
    const entry = values.get(key);
    return entry === undefined || entry.until <= now() ? undefined : entry.value;
  };
  const set = (key: string, value: string, ttl: number) =>
    void values.set(key, { value, until: now() + ttl });
  return {
    get: async (key) => get(key),
    set: async (key, value, ttl) => set(key, value, ttl),
    async claim(key, value, ttl) {
      if (get(key) !== undefined) return false;
      set(key, value, ttl);
      return true;
    },
    forget: async (key) => void values.delete(key),
  };
}
