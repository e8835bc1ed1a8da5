import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { type LovageProcess, spawnLovage } from "../support/lovage-process.ts";
import { eventually } from "../support/world.ts";

let started: LovageProcess | undefined;
afterEach(() => started?.kill());

test.each(["worker", "scheduler", "dashboard"])(
  "a %s that still waits for Redis ends when whoever started it has died",
  async (name) => {
    // Nobody listens there.
    const redis = await freePort();
    const own = spawnLovage([name], {
      REDIS_URL: `redis://127.0.0.1:${redis}`,
      DASHBOARD_PORT: String(await freePort()),
    });
    started = own;
    const ended = once(own.process, "exit");
    await eventually("it waits", () => own.output().includes("waiting for Redis"));
    // The end of a process ends its channels.
    own.process.disconnect();
    expect(await ended).toEqual([1, null]);
    expect(own.output()).toContain("whoever started it is gone");
  },
);
