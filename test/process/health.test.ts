import { EventEmitter } from "node:events";
import { afterEach, expect, test } from "vitest";
import { createLagWatch } from "../../src/process/event-loop.ts";
import { createHealth, createHealthServer } from "../../src/process/health.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

async function serve() {
  const health = createHealth();
  const routes = { "/livez": health.livez, "/readyz": health.readyz };
  const server = createHealthServer({ host: "127.0.0.1", port: 0, routes });
  open.push(server);
  await server.start();
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  return { health, server, ask };
}

test("a process is alive at once, and ready from when it runs until it stops", async () => {
  const { health, ask } = await serve();
  expect(await ask("/livez")).toEqual({ status: 200, body: { ok: true, checks: {} } });
  expect(await ask("/readyz")).toEqual({
    status: 503,
    body: { ok: false, checks: { stage: { ok: false, why: "the process is starting" } } },
  });
  health.stage = "running";
  expect((await ask("/readyz?verbose")).status).toBe(200);
  health.stage = "stopping";
  expect((await ask("/readyz")).body.checks.stage.why).toBe("the process is stopping");
  expect((await ask("/livez")).status).toBe(200);
});

test("each check is named; what makes a process dead makes it unready too", async () => {
  const { health, ask } = await serve();
  health.stage = "running";
  let why: string | undefined;
  health.watch({
    live: { heart: () => why },
    ready: { redis: async () => Promise.reject(new Error("gone")) },
  });
  expect((await ask("/livez")).body).toEqual({ ok: true, checks: { heart: { ok: true } } });
  expect((await ask("/readyz")).body).toEqual({
    ok: false,
    checks: { stage: { ok: true }, heart: { ok: true }, redis: { ok: false, why: "Error: gone" } },
  });
  why = "it stands still";
  expect(await ask("/livez")).toEqual({
    status: 503,
    body: { ok: false, checks: { heart: { ok: false, why } } },
  });
  expect((await ask("/readyz")).body.checks.heart).toEqual({ ok: false, why });
});

test("a check that hangs is answered for in time, and looked at once however many ask", async () => {
  const { health, ask } = await serve();
  let looks = 0;
  const never = Promise.withResolvers<undefined>();
  health.watch({
    live: {
      slow: () => {
        looks += 1;
        return never.promise;
      },
    },
  });
  const answers = await Promise.all([ask("/livez"), ask("/livez"), ask("/readyz")]);
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
  expect(answers[0]?.body.checks.slow.why).toBe("no answer in 1500 ms");
  expect(looks).toBe(1);
  never.resolve(undefined);
  expect((await ask("/livez")).status).toBe(200);
});

test("other paths and methods are refused; HEAD has no body", async () => {
  const { ask } = await serve();
  expect((await ask("/")).status).toBe(404);
  expect((await ask("/constructor")).status).toBe(404);
  expect((await ask("/livez", { method: "POST" })).status).toBe(405);
  expect(await ask("/livez", { method: "HEAD" })).toEqual({ status: 200, body: undefined });
});

test("a port that is taken is told by its code, with what to do", async () => {
  const { server } = await serve();
  const second = createHealthServer({ host: "127.0.0.1", port: server.port, routes: {} });
  await expect(second.start()).rejects.toMatchObject({ code: "PORT_TAKEN", field: "HEALTH_PORT" });
  await second.stop();
});

test("the lag of the event loop is known right after a hold, before the late look", async () => {
  const looked = new EventEmitter();
  const watch = createLagWatch(() => looked.emit("look"));
  expect(watch.lag()).toBe(0);
  watch.start();
  const until = performance.now() + 1200;
  while (performance.now() < until);
  expect(watch.lag()).toBeGreaterThan(600);
  await EventEmitter.once(looked, "look");
  expect(watch.lag()).toBeGreaterThan(600);
  watch.stop();
});
