import { expect, test } from "vitest";
import { onSignals } from "../../src/process/signals.ts";
import { eventually } from "../support/world.ts";

test("the first signal stops, a later one kills, and a doubled one counts once", async () => {
  const told: string[] = [];
  const off = onSignals({
    stop: (signal) => told.push(`stop ${signal}`),
    kill: (signal) => told.push(`kill ${signal}`),
  });
  try {
    process.emit("SIGINT", "SIGINT");
    process.emit("SIGINT", "SIGINT");
    expect(told).toEqual(["stop SIGINT"]);
    const first = Date.now();
    await eventually("the signals are apart", () => Date.now() - first > 310);
    process.emit("SIGTERM", "SIGTERM");
    expect(told).toEqual(["stop SIGINT", "kill SIGTERM"]);
  } finally {
    off();
  }
});
