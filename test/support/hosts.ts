import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { type ProcessGroup, startLoggedGroup } from "../../src/dev/process-group.ts";
import { findRedisServer } from "../../src/dev/valkey.ts";
import { eventually } from "./eventually.ts";
import { startForward } from "./forward.ts";

/** A host: a network of its own, with one cable to a switch that leads nowhere else. */
export interface Host {
  readonly address: string;
  /** The words before a command that is to run on it. */
  readonly inside: readonly string[];
  /** From here on nobody hears of it, not even that its connections end. */
  unplug(): void;
  plugIn(): void;
}

/** Hosts, and a Redis on one more of them. */
export interface Hosts {
  readonly hosts: readonly Host[];
  /** Redis as the hosts see it. */
  readonly redis: { readonly host: string; readonly port: number };
  /** Redis as this process sees it, whatever is unplugged. */
  readonly url: string;
  /** A path of this process' own that leads to a port of a host's loopback. */
  door(host: Host, port: number): Promise<string>;
  remove(): Promise<void>;
}

const redisPort = 6380;

/** Why there can be none here; undefined where there can. */
export function whyNoHosts(): string | undefined {
  if (process.platform !== "linux") return "hosts are network namespaces, which Linux has";
  if (process.getuid?.() !== 0) return "network namespaces are made by root";
  const name = `lovage-try-${process.pid}`;
  try {
    run("netns", "add", name);
    run("netns", "delete", name);
    return undefined;
  } catch (error) {
    return `no network namespace can be made: ${(error as Error).message.split("\n").at(-1)}`;
  }
}

/** Makes them; none of their addresses exists on this machine's own network. */
export async function startHosts(count: number): Promise<Hosts> {
  const dir = mkdtempSync(join(tmpdir(), "lovage-hosts-"));
  const world = `lovage-${randomUUID().slice(0, 6)}`;
  const made: string[] = [];
  const groups: ProcessGroup[] = [];
  const nets = () => {
    for (const name of made.splice(0)) run("netns", "delete", name);
  };
  try {
    const wire = `${world}-switch`;
    run("netns", "add", wire);
    made.push(wire);
    run("-n", wire, "link", "add", "bridge", "type", "bridge");
    run("-n", wire, "link", "set", "bridge", "up");
    const add = (number: number): Host => {
      const name = `${world}-${number}`;
      const cable = `cable${number}`;
      const address = `10.84.0.${number}`;
      run("netns", "add", name);
      made.push(name);
      run("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", cable, "netns", wire);
      run("-n", wire, "link", "set", cable, "master", "bridge", "up");
      run("-n", name, "link", "set", "lo", "up");
      run("-n", name, "address", "add", `${address}/24`, "dev", "eth0");
      run("-n", name, "link", "set", "eth0", "up");
      const set = (state: string) => run("-n", wire, "link", "set", cable, state);
      return {
        address,
        inside: ["ip", "netns", "exec", name],
        unplug: () => set("down"),
        plugIn: () => set("up"),
      };
    };
    const first = add(1);
    const hosts = Array.from({ length: count }, (_, at) => add(at + 2));
    const socket = join(dir, "redis.sock");
    groups.push(await startRedis(first, dir, socket));
    // From the loopback to a socket in the file system, which all networks share.
    const forward = await startForward(() => connect(socket));
    return {
      hosts,
      redis: { host: first.address, port: redisPort },
      url: `redis://127.0.0.1:${forward.port}`,
      async door(host, port) {
        const path = join(dir, `door-${host.address}-${port}.sock`);
        const script = `
          const { connect, createServer } = require("node:net");
          createServer((near) => {
            const far = connect(${port}, "127.0.0.1");
            for (const socket of [near, far]) socket.on("error", () => {}).on("close", () => { near.destroy(); far.destroy(); });
            near.pipe(far).pipe(near);
          }).listen(${JSON.stringify(path)});`;
        groups.push(await startInside(host, dir, [process.execPath, "-e", script]));
        await eventually(`the door to ${host.address}:${port} is open`, () => answers(path));
        return path;
      },
      async remove() {
        await forward.close();
        await Promise.all(groups.map((group) => group.end(5000)));
        nets();
        rmSync(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await Promise.all(groups.map((group) => group.end(0)));
    nets();
    throw error;
  }
}

function run(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

function startInside(host: Host, dir: string, command: readonly string[]): Promise<ProcessGroup> {
  const [program = "", ...args] = [...host.inside, ...command];
  const env = { LC_ALL: "C", PATH: process.env["PATH"] };
  return startLoggedGroup({ command: program, args, env, logFile: join(dir, `host-${host.address}.log`) });
}

async function startRedis(host: Host, dir: string, socket: string): Promise<ProcessGroup> {
  const file = join(dir, "redis.conf");
  const lines = [
    `bind ${host.address}`,
    `port ${redisPort}`,
    `unixsocket ${socket}`,
    // Who may reach it is said by the wires.
    "protected-mode no",
    `dir ${dir}`,
    "maxmemory-policy noeviction",
    'save ""',
    "appendonly yes",
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const group = await startInside(host, dir, [findRedisServer(process.env["PATH"]) ?? "", file]);
  const redis = new Redis({ path: socket, retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on("error", () => {});
  await eventually("Redis answers", async () => (await redis.ping()) === "PONG");
  redis.disconnect();
  return group;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
