/** Workers, schedulers and dashboards on several hosts, with one Redis on another: hosts are network namespaces. */

import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Client, createClient } from "#client";
import type { TasksOf } from "#task";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { type Host, type Hosts, startHosts, whyNoHosts } from "../support/hosts.ts";
import { ledgerName, catalogue as ledgerTasks } from "../support/ledger-catalogue.ts";
import { type LovageProcess, startLovage } from "../support/lovage-process.ts";
import { eventually } from "../support/world.ts";

const password = "correct horse battery staple";
const why = whyNoHosts();

describe.skipIf(why !== undefined)(
  `on several hosts${why === undefined ? "" : ` (left out: ${why})`}`,
  () => {
    let world: Hosts;
    let one: Host;
    let other: Host;
    let broker: Broker;
    let client: Client<TasksOf<typeof ledgerTasks>>;
    let folder: string;
    const running: LovageProcess[] = [];

    beforeAll(async () => {
      world = await startHosts(2);
      [one, other] = world.hosts as [Host, Host];
    });
    afterAll(() => world?.remove());
    beforeEach(async () => {
      const prefix = `hosts-${process.pid}-${performance.now().toFixed(0)}`;
      broker = await openBroker({ redis: { url: world.url, prefix } });
      client = createClient({ redis: { url: world.url, prefix }, catalogue: ledgerTasks });
      folder = mkdtempSync(join(tmpdir(), "lovage-many-hosts-"));
    });
    afterEach(async () => {
      for (const host of world.hosts) host.plugIn();
      await Promise.all(running.splice(0).map((process) => process.kill()));
      await client.close();
      await broker.close();
      rmSync(folder, { recursive: true, force: true });
    });

    async function start(host: Host, args: string[], own: Record<string, string> = {}, script?: string) {
      const environment = {
        REDIS_URL: `redis://${world.redis.host}:${world.redis.port}`,
        REDIS_PREFIX: broker.keys.at("").prefix,
        RAY_ADDRESS: "http://127.0.0.1:9",
        DATASETS_DIR: folder,
        MODELS_DIR: folder,
        WORKER_LOCK_DURATION: "3s",
        ...own,
      };
      const started = await startLovage(args, environment, {
        inside: host.inside,
        ...(script && { script }),
      });
      running.push(started);
      return started;
    }
    const support = (name: string) => new URL(`../support/${name}`, import.meta.url).href;
    const worker = (host: Host, name: string) =>
      start(
        host,
        [],
        { LOVAGE_TEST_CATALOGUE: support("ledger-catalogue.ts"), WORKER_NAME: name },
        "worker-process.ts",
      );
    const begun = () => {
      const file = join(folder, ledgerName);
      return existsSync(file) ? (readFileSync(file, "utf8").match(/^begin/gm)?.length ?? 0) : 0;
    };

    test("a host is unplugged: its job is run on another one, and what it still did is refused", async () => {
      const unplugged = await worker(one, "first");
      const job = await client.enqueue("test.entry", { milliseconds: 6000 });
      await eventually("the first host's worker has begun", () => begun() === 1);
      one.unplug();
      await worker(other, "second");
      await eventually("the other host's worker has begun", () => begun() === 2, 60_000);
      await job.result({ timeout: "60s" });
      one.plugIn();
      await eventually("the first knows", () => /LOCK_LOST|lock/.test(unplugged.output()), 60_000);
      // It is a worker like any other again.
      const workers = async () => (await client.inspect.workers()).filter(({ state }) => state === "alive");
      await eventually("both are alive", async () => (await workers()).length === 2, 60_000);
      expect((await job.snapshot()).state).toBe("completed");
      const again = await Promise.all(
        [1, 2, 3, 4].map(() => client.enqueue("test.entry", { milliseconds: 300 })),
      );
      await Promise.all(again.map((each) => each.result({ timeout: "30s" })));
    });

    test("the host of the acting scheduler is unplugged and comes back: no time is fired for twice, or left out", async () => {
      const scheduler = (host: Host) =>
        start(host, [], { LOVAGE_TEST_CATALOGUE: support("ticking-catalogue.ts") }, "scheduler-process.ts");
      const first = await scheduler(one);
      await eventually("the first acts", () => first.output().includes("this scheduler acts"));
      const second = await scheduler(other);
      const fired = async () => (await broker.redis.xlen(broker.keys.at("").events("default"))) > 0;
      await eventually("it fires", fired);
      one.unplug();
      await eventually("the other acts", () => second.output().includes("this scheduler acts"), 60_000);
      one.plugIn();
      await eventually(
        "the first knows that another acts",
        () => first.output().includes("another scheduler acts"),
        60_000,
      );
      const made = async () => {
        const events = await broker.redis.xrange(broker.keys.at("").events("default"), "-", "+");
        return events.flatMap(([, fields]) => {
          const at = fields.indexOf("jobId");
          return fields[fields.indexOf("event") + 1] === "added" ? [fields[at + 1] ?? ""] : [];
        });
      };
      const before = (await made()).length;
      await eventually("it goes on", async () => (await made()).length >= before + 5, 60_000);
      const times = (await made()).map((id) =>
        Date.parse((id.split("~")[1] ?? "").replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z")),
      );
      expect(times).toEqual(times.map((_time, index) => (times[0] ?? 0) + index * 1000));
    }, 180_000);

    /** Asks the dashboard of a host by its door. */
    async function ask(
      socketPath: string,
      path: string,
      headers: OutgoingHttpHeaders = {},
      form?: Record<string, string>,
    ): Promise<IncomingMessage> {
      const body = form && new URLSearchParams(form).toString();
      const type = body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
      const asked = request({
        socketPath,
        path,
        method: body === undefined ? "GET" : "POST",
        headers: { host: "127.0.0.1:5555", accept: "text/html", ...type, ...headers },
      });
      asked.end(body);
      const [answer] = (await once(asked, "response")) as [IncomingMessage];
      return answer;
    }

    test("a login at one host's dashboard holds at the other's, which shows what workers elsewhere do", async () => {
      const dashboard = { DASHBOARD_PORT: "5555", DASHBOARD_PASSWORD: password };
      await Promise.all([
        start(one, ["dashboard"], dashboard),
        start(other, ["dashboard"], dashboard),
        worker(one, "first"),
      ]);
      const [near, far] = await Promise.all([world.door(one, 5555), world.door(other, 5555)]);
      const login = await ask(near, "/login", {}, { name: "admin", password });
      expect(login.statusCode).toBe(303);
      const cookie = login.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
      login.resume();
      const page = await ask(far, "/", { cookie });
      expect(page.statusCode).toBe(200);
      expect(await text(page)).toContain("first");

      const stream = await ask(far, "/live", { cookie, accept: "text/event-stream" });
      expect(stream.statusCode).toBe(200);
      let news = "";
      stream.on("data", (piece) => (news += String(piece)));
      const job = await client.enqueue("test.entry", {});
      await job.result({ timeout: "30s" });
      await eventually("the page is told", () => news.includes("event: jobs"));
      stream.destroy();

      const token =
        /<meta name="csrf-token" content="([^"]*)"/.exec(await text(await ask(near, "/", { cookie })))?.[1] ??
        "";
      const out = await ask(near, "/logout", { cookie }, { _csrf: token });
      out.resume();
      const after = await ask(far, "/", { cookie });
      after.resume();
      // A logout holds everywhere, too.
      expect(after.statusCode).not.toBe(200);
    });
  },
);
