import { expect, it } from "vitest";
import { json, text } from "../support/scripted-ray-server.ts";
import { failure, scripted } from "./fixture.ts";

const file = "/api/v0/logs/file?node_id=aa&filename=job-driver-a%3A1.log&lines=2";

it("logs is the text, and empty when there is none yet", async () => {
  const { ray, client } = await scripted();
  ray.on("GET", "/api/jobs/one/logs", json({ logs: "a\nä\n" }), json({ logs: null }));
  expect(await client.logs("one")).toBe("a\nä\n");
  expect(await client.logs("one")).toBe("");
});

it("logTail asks the node for the end of the file, once more when the answer is empty", async () => {
  const { ray, client } = await scripted();
  ray.on("GET", file, text(200, "y\nz\n"), text(200, ""), text(500, "A file is not found at: /x"));
  expect(await client.logTail("a:1", { nodeId: "aa", lines: 2 })).toBe("y\nz\n");
  const missing = await failure(client.logTail("a:1", { nodeId: "aa", lines: 2 }));
  expect(missing).toMatchObject({ code: "RAY_NOT_FOUND", status: 500 });
  expect(ray.requests).toHaveLength(3);
});

it.each([0, -1, 1.5, 100_001, Number.NaN])("logTail refuses %d lines", async (lines) => {
  const { ray, client } = await scripted();
  expect(await failure(client.logTail("one", { nodeId: "aa", lines }))).toMatchObject({
    code: "RAY_REJECTED",
  });
  expect(ray.requests).toHaveLength(0);
});
