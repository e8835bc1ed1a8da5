import { join } from "node:path";
import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { checkout } from "./command.ts";
import { secretOf } from "./deployed.ts";
import { startOnLaptop } from "./lab.ts";
import { readLedger } from "./ledger.ts";

export interface Load {
  /** Resolves when so many further jobs have ended: the system works at this moment. */
  goesOn(jobs?: number): Promise<void>;
  /** Enqueues no more, waits for all results, and holds the books against the ledger. */
  balance(): Promise<void>;
  /** The same where workers died without a word: what ran at that moment may have been run again. */
  balanceAfterDeath(): Promise<void>;
}

/**
 * Jobs from the laptop, as the user of Redis that may enqueue: ten a second that run in the workers, and some on Ray
 * that take half a minute. The release must have the ledger's tasks.
 */
export async function startLoad(rayJobs = 0): Promise<Load> {
  const password = await secretOf("REDIS_CLIENT_PASSWORD");
  const program = startOnLaptop(
    join(checkout, "node_modules/.bin/node"),
    [join(import.meta.dirname, "load.program.ts"), "10", String(rayJobs)],
    { env: { REDIS_URL: `redis://client:${password}@10.0.0.84:6380` } },
  );
  await program.printed("under load", 60_000);
  const ended = async () => Object.values(await readLedger()).filter((entry) => entry.ended > 0).length;
  async function end() {
    program.signal("SIGTERM");
    const { stdout, code, stderr } = await program.done;
    expect(code, stderr).toBe(0);
    const ends = JSON.parse(stdout) as { name: string; state: string; why?: string }[];
    expect(ends.length).toBeGreaterThan(20);
    expect(ends.filter(({ state }) => state !== "completed")).toEqual([]);
    return { names: ends.map(({ name }) => name), ledger: await readLedger() };
  }
  return {
    async goesOn(jobs = 20) {
      const before = await ended();
      await eventually("jobs to go on", async () => (await ended()) >= before + jobs, 90_000);
    },
    async balance() {
      const { names, ledger } = await end();
      // None lost, none doubled: each was begun once and ended once, whatever happened meanwhile.
      const wrong = names.filter((name) => ledger[name]?.begun !== 1 || ledger[name]?.ended !== 1);
      expect(wrong.map((name) => [name, ledger[name]])).toEqual([]);
    },
    async balanceAfterDeath() {
      const { names, ledger } = await end();
      const lost = names.filter((name) => (ledger[name]?.ended ?? 0) < 1);
      expect(lost).toEqual([]);
      // What ran when the worker died was begun again; no more than that.
      const again = names.filter((name) => (ledger[name]?.begun ?? 0) > 1);
      expect(again.length).toBeLessThanOrEqual(4);
    },
  };
}
