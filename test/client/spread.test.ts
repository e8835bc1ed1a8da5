import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { spreadSides } from "../support/sides.ts";
import type { World } from "../support/world.ts";

describe.each(spreadSides)("in %s", (_name, side) => {
  let world: World;
  beforeAll(async () => {
    world = await side.createWorld();
  });
  afterAll(() => world.close());

  test("a job goes from the client to a worker and its result comes back", async () => {
    await world.worker({ queues: ["default"] });
    const job = await world.client.enqueue("test.echo", { text: "hello" });
    expect(await job.result({ timeout: "10s" })).toEqual({ text: "hello", attempt: 1 });
    expect(await job.snapshot()).toMatchObject({ state: "completed" });
  });
});
