import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";
import { openWorld } from "../world.ts";

const patience = 60_000;

/** The disk of the append-only file is full for a while. */
export const diskFull: Fault = {
  name: "disk-full",
  title: "The disk of Redis' append-only file is full for a while",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  needs: ["root"],
  async run(round) {
    const dir = join(round.folder, "disk");
    mkdirSync(dir);
    mount("mount", "-t", "tmpfs", "-o", "size=64m", "none", dir);
    try {
      const world = await openWorld(round, { redis: { dir } });
      try {
        await Promise.all([world.worker(), world.worker()]);
        const load = world.load({ perSecond: 40 });
        await eventually("jobs come and go", () => load.acknowledged() > 50, patience);
        const ballast = join(dir, "ballast");
        fill(ballast);
        await eventually("calls are refused", () => (load.refusals.get("REDIS_FULL") ?? 0) > 0, patience);
        round.say(`full: refused as ${[...load.refusals.keys()].join(", ")}`);
        await sleep(round.random.whole(1000, 4000), undefined, { signal: round.signal });
        rmSync(ballast);
        const before = load.acknowledged();
        await eventually("calls are taken again", () => load.acknowledged() > before + 50, patience);
        const accounts = await world.settle();
        const refused = load.refusals.get("REDIS_FULL") ?? 0;
        return { ...accounts, notes: { ...accounts.notes, refused } };
      } finally {
        await world.close();
      }
    } finally {
      mount("umount", dir);
    }
  },
};

/** Takes what is left of the disk, while Redis takes some of it too. */
function fill(file: string): void {
  const piece = Buffer.alloc(64 * 1024);
  for (;;) {
    try {
      appendFileSync(file, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
      throw error;
    }
  }
}

function mount(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${stderr}`);
}
