import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createDashboardWorld,
  type DashboardSession,
  type DashboardWorld,
} from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";

let world: DashboardWorld;
let viewer: DashboardSession;
beforeAll(async () => {
  world = await createDashboardWorld();
  viewer = await world.login("viewer");
});
afterAll(() => world?.close());

const data = async (query = "") => (await viewer.fetch(`/charts/data${query}`)).json();

test("with no data the page says so", async () => {
  const page = await (await viewer.fetch("/charts?span=day")).text();
  expect(page).toContain("Nothing happened within the last day");
  expect(page).not.toMatch(/id="no-history" hidden/);
  expect((await data()).empty).toBe(true);
});

test("what ran is drawn from one JSON document, by queue and by task", async () => {
  await world.worker();
  await world.client.enqueue("test.add", { numbers: [1] });
  await world.client.enqueue("test.add", { numbers: [-1] });
  const all = await eventually("both are counted", async () => {
    const found = await data();
    return found.total.completed === 1 && found.total.failed === 1 && found;
  });
  expect(all).toMatchObject({ step: 60_000, empty: false });
  expect(all.points).toHaveLength(60);
  expect(all.figures).toContainEqual({ id: "failed", name: "Failed", value: "1", note: "50.0 %" });
  expect((await data("?span=week&task=test.add&queue=default")).total.completed).toBe(1);
  expect((await data("?queue=ml")).total.completed).toBe(0);
  const page = await (await viewer.fetch("/charts?task=test.add")).text();
  expect(page).toMatch(/id="no-history" hidden/);
  // The backlog has no tasks.
  expect(page).not.toContain("&quot;backlog&quot;");
});

test("the dashboard notes the backlog while it runs", async () => {
  const { points } = await data();
  expect(points.some(({ waiting }: { waiting: number | null }) => waiting !== null)).toBe(true);
});

test.each(["?span=year", "?queue=nope"])("a query that is none is refused: %s", async (query) => {
  expect((await viewer.fetch(`/charts${query}`)).status).toBe(422);
  expect((await viewer.fetch(`/charts/data${query}`)).status).toBe(422);
});
