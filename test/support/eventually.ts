import { setTimeout as sleep } from "node:timers/promises";

/** Looks until a condition holds; fails with what it waited for. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  timeout = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited ${timeout} ms in vain: ${what}`);
    await sleep(25);
  }
}
