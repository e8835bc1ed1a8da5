import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { startLoggedGroup } from "../../src/dev/process-group.ts";
import { findRedisServer, type LocalRedis, startValkey } from "../../src/dev/valkey.ts";
import type { RedisSettings } from "../../src/queue/connection.ts";
import type { Endpoint } from "../../src/queue/sentinels.ts";
import type { Pair } from "./certificate.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { writeSentinel } from "./sentinel-file.ts";
import { peers, startTlsProxy } from "./tls-proxy.ts";

/** What the sentinels call the master. */
const name = "test-master";

/** Servers that replicate each other, and three sentinels that watch them: all on loopback. */
export interface OwnSentinel {
  readonly name: string;
  readonly sentinels: readonly Endpoint[];
  readonly password: string;
  readonly sentinelPassword: string;
  /** The servers; the first is the master at the start. */
  readonly servers: readonly ReplicatedRedis[];
  /** Which one the sentinels call the master. */
  master(): Promise<ReplicatedRedis>;
  /** Has the sentinels make another one the master, though this one is well. */
  failOver(): Promise<void>;
  /** Whether a server takes itself for a replica. */
  isReplica(server: ReplicatedRedis): Promise<boolean>;
  /** How a client finds the master. */
  readonly settings: RedisSettings;
  /** The same for the environment of a process. */
  readonly variables: Readonly<Record<string, string>>;
  /** A connection to whatever is the master, with all rights. */
  admin(): Redis;
  /** Resolves when a replica follows the master and is level with it. */
  replicated(patience?: number): Promise<void>;
  remove(): Promise<void>;
}

export interface ReplicatedRedis extends LocalRedis {
  /** The port that all are told: its own, or that of the proxy that speaks TLS before it. */
  readonly told: number;
  pause(): void;
  resume(): void;
}

/**
 * Starts them and waits until the sentinels know the replica and each other.
 * @param options.configuration further lines of each server's configuration
 * @param options.tls has clients speak TLS to servers and sentinels, which speak none among themselves
 * @param options.downAfter how long a master may be silent, in milliseconds. Default 1000
 */
export async function startOwnSentinel(
  options: {
    configuration?: readonly string[];
    downAfter?: number;
    replicas?: number;
    tls?: Pair & { ca: string };
  } = {},
): Promise<OwnSentinel> {
  const { configuration = [], downAfter = 1000, replicas = 1, tls } = options;
  const password = "own-redis";
  const sentinelPassword = "own-sentinel";
  const dir = mkdtempSync(join(tmpdir(), "lovage-own-sentinel-"));
  const path = process.env["PATH"];
  const servers: ReplicatedRedis[] = [];
  const closing: (() => Promise<void>)[] = [];
  /** The port that is told of a server: where TLS is spoken, that of a proxy. */
  const tell = async (port: number) => {
    if (tls === undefined) return port;
    const proxy = await startTlsProxy(port, tls, { plainFrom: peers });
    closing.push(() => proxy.close());
    return proxy.port;
  };
  const asPeer = tls === undefined ? [] : [`bind-source-addr ${peers}`];
  const masterPort = await freePort();
  const masterTold = await tell(masterPort);
  for (let at = 0; at <= replicas; at += 1) {
    const port = at === 0 ? masterPort : await freePort();
    const told = at === 0 ? masterTold : await tell(port);
    const server = await startValkey({
      port,
      dir: join(dir, `server-${at}`),
      password,
      path,
      configuration: [
        `masterauth ${password}`,
        // What a failover waits for at most; by default ten seconds or a minute.
        "repl-timeout 5",
        "repl-ping-replica-period 1",
        "repl-diskless-sync-delay 0",
        "replica-announce-ip 127.0.0.1",
        `replica-announce-port ${told}`,
        ...asPeer,
        ...configuration,
        ...(at === 0 ? [] : [`replicaof 127.0.0.1 ${masterTold}`]),
      ],
    });
    closing.push(() => server.stop());
    servers.push(
      Object.assign(Object.create(server, Object.getOwnPropertyDescriptors(server)), {
        told,
        pause: () => void process.kill(server.pid, "SIGSTOP"),
        resume: () => void process.kill(server.pid, "SIGCONT"),
      }),
    );
  }
  const caFile = tls && join(dir, "ca.pem");
  if (caFile !== undefined) writeFileSync(caFile, tls?.ca ?? "");
  const program = findRedisServer(path) ?? "";
  const sentinels: Endpoint[] = [];
  const asked: Redis[] = [];
  for (let at = 0; at < 3; at += 1) {
    const port = await freePort();
    const told = await tell(port);
    const file = writeSentinel(join(dir, `sentinel-${at}`), {
      port,
      name,
      masterPort: masterTold,
      configuration: ["sentinel announce-ip 127.0.0.1", `sentinel announce-port ${told}`, ...asPeer],
      password,
      sentinelPassword,
      downAfter,
    });
    const group = await startLoggedGroup({
      command: program,
      args: [file, "--sentinel"],
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      logFile: join(dir, `sentinel-${at}`, "sentinel.log"),
    });
    closing.push(() => group.end(5000));
    sentinels.push({ host: "127.0.0.1", port: told });
    asked.push(new Redis({ port, password: sentinelPassword, lazyConnect: true }));
  }
  for (const sentinel of asked) sentinel.on("error", () => {});
  const facts = async (sentinel: Redis) => {
    const [flat] = (await sentinel.call("SENTINEL", "MASTERS")) as string[][];
    return Object.fromEntries(
      (flat ?? []).flatMap((word, at, all) => (at % 2 === 0 ? [[word, all[at + 1]]] : [])),
    );
  };
  await eventually(
    "the sentinels know the replica and each other",
    async () => {
      const known = await Promise.all(asked.map(facts));
      return known.every(
        (each) => each["num-slaves"] === String(replicas) && each["num-other-sentinels"] === "2",
      );
    },
    30_000,
  );

  const admin = () => {
    const redis = new Redis({
      sentinels: [...sentinels],
      name,
      password,
      sentinelPassword,
      maxRetriesPerRequest: null,
      failoverDetector: true,
      ...(tls && { tls: { ca: tls.ca }, sentinelTLS: { ca: tls.ca }, enableTLSForSentinelMode: true }),
    });
    redis.on("error", () => {});
    return redis;
  };
  const portOfMaster = async () => {
    const [, port] = (await (asked[0] as Redis).call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)) as [
      string,
      string,
    ];
    return Number(port);
  };
  return {
    name,
    sentinels,
    settings: {
      sentinels,
      sentinelName: name,
      sentinelPassword,
      password,
      ...(tls && { tls: true, ca: tls.ca }),
    },
    variables: {
      REDIS_SENTINELS: sentinels.map(({ host, port }) => `${host}:${port}`).join(","),
      REDIS_SENTINEL_NAME: name,
      REDIS_SENTINEL_PASSWORD: sentinelPassword,
      REDIS_PASSWORD: password,
      ...(caFile !== undefined && { REDIS_TLS: "true", REDIS_CA_FILE: caFile }),
    },
    password,
    sentinelPassword,
    servers,
    admin,
    async master() {
      const port = await portOfMaster();
      const found = servers.find(({ told }) => told === port);
      if (found === undefined) throw new Error(`no server of this test is told as ${port}`);
      return found;
    },
    async isReplica({ port }) {
      const redis = new Redis({ port, password, lazyConnect: true });
      redis.on("error", () => {});
      try {
        return ((await redis.role()) as unknown[])[0] === "slave";
      } finally {
        redis.disconnect();
      }
    },
    async failOver() {
      await asked[0]?.call("SENTINEL", "FAILOVER", name);
    },
    async replicated(patience = 30_000) {
      const redis = admin();
      try {
        await eventually(
          "a replica is level with the master",
          async () => {
            const info = await redis.info("replication");
            const offset = /master_repl_offset:(\d+)/.exec(info)?.[1];
            const followers = [...info.matchAll(/^slave\d+:.*state=online,offset=(\d+)/gm)];
            return (
              followers.length === replicas && followers.every(([, at]) => Number(at) >= Number(offset) - 200)
            );
          },
          patience,
        );
      } finally {
        redis.disconnect();
      }
    },
    async remove() {
      for (const sentinel of asked) sentinel.disconnect();
      // One that was killed is not there to be told.
      for (const server of servers) if (isAlive(server.pid)) server.resume();
      await Promise.all(closing.map((close) => close()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
