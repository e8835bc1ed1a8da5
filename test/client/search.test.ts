import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerSides } from "../support/sides.ts";
import type { World } from "../support/world.ts";

describe.each(callerSides)("over %s", (_side, { createWorld }) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world.close());

  test("what workers made of jobs is found by every question, with all that a list shows", async () => {
    const { client } = world;
    await world.worker({ queues: ["default"], name: "searcher" });
    const done = await client.enqueue("test.echo", { text: "Grüße" }, { tags: ["s"], priority: 2 });
    const failed = await client.enqueue(
      "test.echo",
      { text: "no", end: "coded" },
      { tags: ["s"], id: "search-me" },
    );
    await Promise.allSettled([done.result({ timeout: "10s" }), failed.result({ timeout: "10s" })]);
    const at = new Date(Date.now() + 3_600_000);
    const later = await client.enqueue("test.echo", { text: "later" }, { tags: ["s"], at });
    const only = async (query: Parameters<typeof client.search>[0]) =>
      (await client.search(query)).jobs.map(({ id }) => id);

    expect((await client.search({ tag: "s" })).jobs.map(({ id }) => id).toSorted()).toEqual(
      [done.id, failed.id, later.id].toSorted(),
    );
    expect(await only({ text: "GRÜSSE" })).toEqual([]);
    expect(await only({ text: "grüße" })).toEqual([done.id]);
    expect(await only({ text: '"attempt":1', states: ["completed"] })).toEqual([done.id]);
    expect(await only({ text: "text is BAD" })).toEqual([failed.id]);
    expect(await only({ code: "INPUT_INVALID" })).toEqual([failed.id]);
    expect(await only({ id: "search-" })).toEqual(["search-me"]);
    expect(await only({ id: "search-me" })).toEqual(["search-me"]);
    expect((await only({ worker: "searcher" })).toSorted()).toEqual([done.id, failed.id].toSorted());
    expect(await only({ states: ["scheduled"] })).toEqual([later.id]);
    expect(await only({ since: at })).toEqual([]);
    expect(await only({ tag: "s", queue: "ml" })).toEqual([]);

    const { jobs, cursor, looked, total } = await client.search({ id: "search-me" });
    expect(jobs[0]).toMatchObject({
      task: "test.echo",
      queue: "default",
      state: "failed",
      attempt: 1,
      attempts: 3,
      worker: "searcher",
      tags: ["s"],
      input: '{"text":"no","end":"coded"}',
      error: { code: "INPUT_INVALID", message: "the text is bad" },
      at: null,
      rayJob: null,
      enqueuedAt: expect.any(Date),
      startedAt: expect.any(Date),
      endedAt: expect.any(Date),
    });
    expect({ cursor, looked, total }).toEqual({ cursor: null, looked: 3, total: 3 });
    const [scheduled] = (await client.search({ states: ["scheduled"] })).jobs;
    expect(Math.abs(Number(scheduled?.at) - at.getTime())).toBeLessThan(1000);
  });

  test("several tasks may be asked for at once", async () => {
    const { client } = world;
    const one = await client.enqueue("test.ray_late", {}, { tags: ["tasks"] });
    const other = await client.enqueue("test.ray_long", {}, { tags: ["tasks"] });
    await client.enqueue("test.ray_pending", {}, { tags: ["tasks"] });
    const { jobs } = await client.search({ tag: "tasks", tasks: ["test.ray_late", "test.ray_long"] });
    expect(jobs.map(({ id }) => id).toSorted()).toEqual([one.id, other.id].toSorted());
  });

  test("a part goes on where the one before it ended", async () => {
    const { client } = world;
    const ids = [];
    for (let index = 0; index < 5; index += 1)
      ids.push((await client.enqueue("test.ray_echo", {}, { tags: ["paged"], id: `paged-${index}` })).id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof client.search>> = await client.search(
        { tag: "paged" },
        { limit: 2, ...(cursor !== null && { cursor }) },
      );
      seen.push(...page.jobs.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids.toReversed());
  });

  test.each<[string, object, object, string, string?]>([
    ["a field that there is not", { stat: ["failed"] }, {}, "stat"],
    ["a state that there is not", { states: ["faild"] }, {}, "states", "failed"],
    ["a queue that there is not", { queue: "mi" }, {}, "queue", "ml"],
    ["states that are no list", { states: "failed" }, {}, "states"],
    ["an empty text", { text: "" }, {}, "text"],
    ["a text that is none", { tag: 5 }, {}, "tag"],
    ["a moment that is none", { since: new Date("x") }, {}, "since"],
    ["a text as a moment", { until: "1h" }, {}, "until"],
    ["an end before the beginning", { since: new Date(2), until: new Date(1) }, {}, "until"],
    ["no limit", {}, { limit: 0 }, "limit"],
    ["a limit that is too large", {}, { limit: 1001 }, "limit"],
    ["a cursor of something else", {}, { cursor: "eyJhIjoxfQ" }, "cursor"],
    ["an option that there is not", {}, { budget: 5 }, "budget"],
  ])("%s is refused", async (_what, query, options, field, hint = "") => {
    await expect(world.client.search(query, options)).rejects.toMatchObject({
      code: "INPUT_INVALID",
      field,
      hint: expect.stringContaining(hint),
    });
  });
});
