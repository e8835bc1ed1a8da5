/** The health check of the containers, against real workers that are stuck. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createTlsServer } from "node:https";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { makeCertificate } from "../support/certificate.ts";
import { freePort } from "../support/free-port.ts";
import { createWorld, eventually } from "../support/world.ts";

const script = fileURLToPath(new URL("../../deploy/healthcheck.mjs", import.meta.url));
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** As Docker runs it: nothing but an environment without a home. */
async function check(url: string): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [script, url], { env: {}, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (said += String(piece)));
  const [code] = await once(child, "close");
  return { code, said };
}

async function startWorker(environment: Record<string, string> = {}) {
  const world = await createWorld();
  closing.push(world.close);
  const port = await freePort();
  await world.workerProcess({
    HEALTH_PORT: String(port),
    WORKER_QUEUES: "default",
    WORKER_LOCK_DURATION: "30s",
    LOVAGE_TEST_CATALOGUE: new URL("../support/blocking-catalogue.ts", import.meta.url).href,
    ...environment,
  });
  const client = world.connect();
  closing.push(client.close);
  return {
    world,
    url: `http://127.0.0.1:${port}/livez`,
    enqueue: client.enqueueMany as (calls: object[]) => Promise<unknown>,
  };
}

test("a worker whose event loop is blocked does not live; before, and a while after, it does", async () => {
  const { url, enqueue } = await startWorker();
  expect(await check(url)).toEqual({ code: 0, said: "" });
  await enqueue([{ task: "test.block", input: { seconds: 9 } }]);
  const blocked = await eventually("no answer", async () => {
    const seen = await check(url);
    return seen.code === 1 && seen.said.includes("no answer") && seen;
  });
  expect(blocked.said).toMatch(/^no answer from http:\/\/127\.0\.0\.1:\d+ in 3000 ms: .*\n$/);
  const after = await eventually("an answer", async () => {
    const seen = await check(url);
    return seen.said.includes("says 503") && seen;
  });
  expect(after.said).toMatch(
    /: event-loop: the event loop was held up for \d\.\d s within the last ten seconds/,
  );
  await eventually("a worker that is well", async () => (await check(url)).code === 0);
});

test("a worker that takes nothing though jobs wait does not live", async () => {
  const { world, url, enqueue } = await startWorker();
  // BullMQ's own limit over all workers, which Lovage never sets: nothing is fetched, though nothing is paused.
  await world.broker.queue("default").setGlobalConcurrency(0);
  await enqueue([{ task: "test.nap", input: { seconds: 0 } }]);
  const stuck = await eventually("a worker that is stuck", async () => {
    const seen = await check(url);
    return seen.code === 1 && seen;
  });
  expect(stuck.said).toMatch(
    / says 503: worker: it takes no jobs from default, though jobs wait and it has free slots\n$/,
  );
});

test("who is not there, who says nothing, and what is no address", async () => {
  const port = await freePort();
  const away = await check(`http://127.0.0.1:${port}/livez`);
  expect(away).toEqual({ code: 1, said: expect.stringMatching(/cannot be reached: .*ECONNREFUSED.*\n$/) });

  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(port, "127.0.0.1", resolve));
  closing.push(() => silent.close());
  expect((await check(`http://127.0.0.1:${port}/livez`)).said).toMatch(/^no answer from /);

  for (const text of ["", "127.0.0.1:9101", "ftp://127.0.0.1/"]) {
    expect(await check(text)).toEqual({
      code: 1,
      said: expect.stringMatching(/^"[^"]*" is no URL, such as .*\n$/),
    });
  }
});

test("over TLS a certificate of our own is trusted on this machine, and no other's elsewhere", async () => {
  const server = createTlsServer(makeCertificate(), (_request, response) => response.end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  closing.push(() => server.closeAllConnections());
  closing.push(() => server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  expect(await check(`https://127.0.0.1:${port}/livez`)).toEqual({ code: 0, said: "" });
  // The same server under an address that is not loopback by its words.
  expect((await check(`https://0.0.0.0:${port}/livez`)).said).toMatch(/cannot be reached: .*self-signed/);
});
