import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { type LocalRedis, startValkey } from "../../src/dev/valkey.ts";
import type { Pair } from "./certificate.ts";
import { freePort } from "./free-port.ts";
import { peers, startTlsProxy } from "./tls-proxy.ts";

export interface ClusterNode extends LocalRedis {
  readonly role: "master" | "replica";
  /** The port that clients are told: its own, or that of the proxy that speaks TLS before it. */
  readonly told: number;
  pause(): void;
  resume(): void;
}

/** A Redis Cluster on loopback, with the slots in even ranges, as `redis-cli --cluster create` deals them. */
export interface OwnCluster {
  readonly nodes: readonly ClusterNode[];
  readonly masters: readonly ClusterNode[];
  /** As settings have it: all nodes, each at the port that clients are told. */
  readonly addresses: { host: string; port: number }[];
  /** Those that have slots at this moment, in the eyes of a node that runs. */
  mastersNow(): Promise<ClusterNode[]>;
  /** Whether others serve all slots without this node. */
  isServed(without: ClusterNode): Promise<boolean>;
  /** Resolves when all nodes run and take the cluster for whole. */
  untilWhole(): Promise<void>;
  remove(): Promise<void>;
}

const host = "127.0.0.1";
const slots = 16_384;

export async function startOwnCluster({
  masters: count = 3,
  replicas = 0,
  nodeTimeout = 2000,
  tls,
}: {
  masters?: number;
  /** Of each master. */
  replicas?: number;
  /** Milliseconds after which a node that is silent is replaced. */
  nodeTimeout?: number;
  /** Has clients speak TLS to every node, with this certificate. */
  tls?: Pair;
} = {}): Promise<OwnCluster> {
  const folder = mkdtempSync(join(tmpdir(), "lovage-cluster-"));
  const start = async (index: number): Promise<ClusterNode> => {
    const [port, bus] = [await freePort(), await freePort()];
    const proxy = tls && (await startTlsProxy(port, tls, { plainFrom: peers }));
    if (proxy !== undefined) proxies.push(proxy);
    const redis = await startValkey({
      port,
      dir: join(folder, String(index)),
      path: process.env["PATH"],
      server: process.env["LOVAGE_TEST_REDIS_SERVER"],
      configuration: [
        "cluster-enabled yes",
        "cluster-config-file nodes.conf",
        `cluster-port ${bus}`,
        `cluster-node-timeout ${nodeTimeout}`,
        // A replica that was cut off for a while may still take over.
        "cluster-replica-validity-factor 0",
        // A node tells its replicas the same port as clients, and takes the others to be where they connect from.
        ...(proxy === undefined
          ? []
          : [
              `cluster-announce-port ${proxy.port}`,
              `cluster-announce-ip ${host}`,
              `bind-source-addr ${peers}`,
            ]),
      ],
    });
    buses.set(port, bus);
    return Object.assign(redis, {
      role: index < count ? ("master" as const) : ("replica" as const),
      told: proxy?.port ?? port,
      pause: () => void process.kill(redis.pid, "SIGSTOP"),
      resume: () => void process.kill(redis.pid, "SIGCONT"),
    });
  };
  const buses = new Map<number, number>();
  const proxies: { close(): Promise<void> }[] = [];
  const nodes: ClusterNode[] = [];
  for (let index = 0; index < count * (1 + replicas); index += 1) nodes.push(await start(index));
  const [first, ...others] = nodes;
  if (first === undefined) throw new Error("a cluster needs a node");
  const tell = async <T>(node: LocalRedis, say: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis({ host, port: node.port, retryStrategy: () => null });
    try {
      return await say(redis);
    } finally {
      redis.disconnect();
    }
  };
  const untilAll = async (sign: (redis: Redis) => Promise<boolean>) => {
    for (let left = 1000; ; left -= 1) {
      const signs = await Promise.all(nodes.map((node) => tell(node, sign).catch(() => false)));
      if (signs.every(Boolean)) return;
      if (left === 0) throw new Error("the cluster did not come about");
      await pause(30);
    }
  };
  const askAny = async <T>(ask: (redis: Redis) => Promise<T>): Promise<T> => {
    for (const node of nodes) {
      const answer = await tell(node, ask).catch(() => undefined);
      if (answer !== undefined) return answer;
    }
    throw new Error("no node of the cluster answers");
  };
  const masters = nodes.slice(0, count);
  for (const [index, node] of masters.entries()) {
    const from = Math.floor((index * slots) / count);
    const to = Math.floor(((index + 1) * slots) / count) - 1;
    await tell(node, (redis) => redis.call("CLUSTER", "ADDSLOTSRANGE", String(from), String(to)));
  }
  for (const node of others) {
    await tell(first, (redis) =>
      redis.call("CLUSTER", "MEET", host, String(node.port), String(buses.get(node.port))),
    );
  }
  const knowsAll = async (redis: Redis) => {
    const lines = String(await redis.call("CLUSTER", "NODES"))
      .trim()
      .split("\n");
    return lines.length === nodes.length && lines.every((line) => !/handshake|noaddr|fail/.test(line));
  };
  await untilAll(knowsAll);
  for (const [index, node] of nodes.slice(count).entries()) {
    const master = masters[index % count] as ClusterNode;
    const id = String(await tell(master, (redis) => redis.call("CLUSTER", "MYID")));
    await tell(node, (redis) => redis.call("CLUSTER", "REPLICATE", id));
  }
  const isWhole = async (redis: Redis) => {
    const told = String(await redis.call("CLUSTER", "INFO"));
    const info = await redis.info("replication");
    const linked = !info.includes("role:slave") || info.includes("master_link_status:up");
    return told.includes("cluster_state:ok") && linked && (await knowsAll(redis));
  };
  await untilAll(isWhole);
  return {
    nodes,
    masters,
    addresses: nodes.map(({ told }) => ({ host, port: told })),
    async mastersNow() {
      const told = await askAny((redis) => redis.call("CLUSTER", "SLOTS"));
      const ports = (told as [number, number, [string, number]][]).map(([, , [, port]]) => port);
      return nodes.filter((node) => ports.includes(node.told));
    },
    async isServed(without) {
      const others = nodes.filter((node) => node !== without);
      const signs = await Promise.all(
        others.map((node) =>
          tell(node, async (redis) => {
            const slots = (await redis.call("CLUSTER", "SLOTS")) as [number, number, [string, number]][];
            const ok = String(await redis.call("CLUSTER", "INFO")).includes("cluster_state:ok");
            return ok && slots.every(([, , [, port]]) => port !== without.told);
          }).catch(() => false),
        ),
      );
      return signs.every(Boolean);
    },
    untilWhole: () => untilAll(isWhole),
    async remove() {
      await Promise.all(nodes.map((node) => node.stop()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
