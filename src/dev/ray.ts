import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { LovageError } from "../core/errors.ts";
import { requirePorts } from "./ports.ts";
import { type LoggedGroup, startLoggedGroup } from "./process-group.ts";
import { rayEnvironment, rayStartArguments } from "./ray-command.ts";
import { neededRayPorts, type RayPorts } from "./ray-ports.ts";
import { answers } from "./ray-probe.ts";
import { rayTempDir, removeOldSessions } from "./ray-temp-dir.ts";

export interface RayOptions {
  /** The Python that has Ray. Default: the one in the project's `.venv`. */
  python?: string;
  /** CPUs of each node, the head's first, or one number for all. Default 2. */
  cpus?: number | readonly number[];
  /** As many nodes are started as have ports here. */
  ports: RayPorts;
  /** Where sockets, logs and spilled objects lie. A long path is replaced by a short one: see `rayTempDir`. */
  tempDir: string;
  /** Switches token authentication on. Default: off. */
  token?: string | undefined;
  /** What the nodes, and so the programs on them, inherit: `rayEnvironment` says what is left out and added. */
  env: Readonly<Record<string, string | undefined>>;
  /** Shared memory of each node in bytes. Default 200 MB, and 80 MB from four nodes on. */
  objectStoreBytes?: number;
  /** How long the whole start may take, in ms. Default 120 s, and 15 s more for each further node. */
  startDeadlineMs?: number;
  /** Ends a start that is under way. */
  signal?: AbortSignal;
  /** The options or variables that an error about a taken port names. */
  portSettings?: { dashboard: string; others: string };
  /** Told what happens, and at least every 2 s while the start takes. */
  onEvent?: (text: string) => void;
  /** Called when a node ended without having been told to. */
  onExit?: (how: string) => void;
}

/** A Ray cluster of our own on this machine. */
export interface LocalRay {
  /** The Jobs API: `http://127.0.0.1:<dashboard port>`. */
  readonly address: string;
  readonly gcsAddress: string;
  /** Where Ray's logs are. */
  readonly tempDir: string;
  /** One for each node, the head's first. Each leads a process group. */
  readonly pids: readonly number[];
  /** Ends all nodes, the head last. Idempotent. */
  stop(): Promise<void>;
  /** Ends all nodes with SIGKILL. */
  kill(): Promise<void>;
  /** Ends the head with SIGKILL, as a crash would. */
  killHead(): Promise<void>;
  /** After `killHead`: a new cluster on the same ports, which knows nothing of the old one's Ray jobs. */
  startHead(): Promise<void>;
}

const stopDeadlineMs = 10_000;
const lifeSignMs = 2_000;
/** Each node's start costs seconds of CPU: many at once make each other miss Ray's own start-up deadlines. */
const startsAtOnce = 2;

/**
 * A node that Ray's control service does not know within 30 s of its start ends, and no setting moves that. On a machine with
 * other work it happens to one of nine; the same node comes up when it is started again.
 */
const mostStarts = 3;

/**
 * Starts a cluster and waits until each node is alive and a Ray job can be submitted.
 *
 * @throws LovageError `PORT_TAKEN`, or `STACK_FAILED` with what Ray printed last
 */
export async function startRay(options: RayOptions): Promise<LocalRay> {
  const tempDir = await rayTempDir(options.tempDir);
  const address = `http://127.0.0.1:${options.ports.dashboard}`;
  let nodes = await startNodes({ ...options, tempDir }, address);
  const stop = async () => {
    const [head, ...others] = nodes;
    await Promise.all(others.map((node) => node.end(stopDeadlineMs)));
    await head?.end(stopDeadlineMs);
  };
  const kill = async () => {
    await Promise.all(nodes.map((node) => node.end(0)));
  };
  return {
    address,
    gcsAddress: `127.0.0.1:${options.ports.gcs}`,
    tempDir,
    get pids() {
      return nodes.map(({ pid }) => pid);
    },
    stop,
    kill,
    async killHead() {
      await nodes[0]?.end(0);
    },
    async startHead() {
      // The other nodes belong to the cluster that is gone; Ray ends them only after a minute without their head.
      await kill();
      nodes = await startNodes({ ...options, tempDir }, address);
    },
  };
}

async function startNodes(options: RayOptions, address: string): Promise<LoggedGroup[]> {
  const { ports, token, tempDir, onEvent = () => undefined } = options;
  const python = resolve(options.python ?? join(import.meta.dirname, "../../.venv/bin/python"));
  const settings = options.portSettings ?? { dashboard: "the dashboard port", others: "the base port" };
  await requirePorts(neededRayPorts(ports, settings));

  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  const deadline = started + (options.startDeadlineMs ?? 120_000 + 15_000 * (ports.nodes.length - 1));
  const groups: LoggedGroup[] = [];
  const dead: { group: LoggedGroup; how: string; node: number }[] = [];
  /** Nodes that are started again when they end, and how those ended that did. */
  const mayEnd = new Map<number, string | undefined>();

  const launch = async (index: number) => {
    const node = ports.nodes[index];
    if (node === undefined) throw new TypeError(`Ray node ${index + 1} has no ports`);
    const ownCpus = cpusOf(options.cpus, index);
    // Two nodes that start at once in one folder choose the same socket names, and one of them never comes up.
    const nodeDir = index === 0 ? tempDir : join(tempDir, String(index + 1));
    await removeOldSessions(nodeDir);
    onEvent(`starting ${nameOf(index)} with ${ownCpus} CPUs`);
    const group = await startLoggedGroup({
      command: python,
      args: rayStartArguments({
        ports,
        node,
        head: index === 0,
        cpus: ownCpus,
        tempDir: nodeDir,
        objectStoreBytes: options.objectStoreBytes ?? (ports.nodes.length < 4 ? 200_000_000 : 80_000_000),
      }),
      env: rayEnvironment(options.env, python, token),
      logFile: join(tempDir, `node-${index + 1}.log`),
    });
    groups[index] = group;
    void group.ended.then((how) => {
      if (mayEnd.has(index)) mayEnd.set(index, how);
      else dead.push({ group, how, node: index + 1 });
    });
    return { node, group };
  };

  const endedEarly = async (group: LoggedGroup, node: number, how: string) => {
    // A traceback's indented lines are Ray's inside; what is wrong stands in the others.
    const printed = (await group.lastLines(40)).split("\n").filter((line) => /^\S/.test(line));
    const text = `Ray node ${node} ended while it started (${how}):\n${printed.slice(-5).join("\n")}`;
    return new LovageError("STACK_FAILED", text, { hint: `the logs are in ${tempDir}` });
  };

  const startNode = async (index: number) => {
    for (let start = 1; ; start += 1) {
      mayEnd.set(index, undefined);
      const { node, group } = await launch(index);
      await until(nameOf(index), async () => mayEnd.get(index) !== undefined || (await agentUp(node)));
      const how = mayEnd.get(index);
      mayEnd.delete(index);
      if (how === undefined) return;
      const tooSlow = (await group.lastLines(40)).includes("timed out during startup");
      if (!tooSlow || start === mostStarts) throw await endedEarly(group, index + 1, how);
      onEvent(`${nameOf(index)} was too slow to start for Ray, and ended; once more`);
      // What it began outlives it for a moment, on the same ports.
      await group.end(0);
    }
  };

  // Before a node's agent is up, a submission to it is refused with "No available agent".
  const agentUp = ({ agentHttp }: { agentHttp: number }) =>
    answers(`http://127.0.0.1:${agentHttp}/api/local_raylet_healthz`, token);

  const until = async (what: string, check: () => Promise<boolean>) => {
    let lastSign = Date.now();
    while (!(await check())) {
      options.signal?.throwIfAborted();
      const [first] = dead;
      if (first !== undefined) throw await endedEarly(first.group, first.node, first.how);
      if (Date.now() > deadline) {
        throw new LovageError(
          "STACK_FAILED",
          `Ray did not start in ${seconds()}: still waiting for ${what}`,
          { hint: `the logs are in ${tempDir}` },
        );
      }
      if (Date.now() - lastSign >= lifeSignMs) {
        lastSign = Date.now();
        onEvent(`waiting for ${what} (${seconds()})`);
      }
      await pause(100);
    }
  };

  try {
    await startNode(0);
    const waiting = ports.nodes.map((_, index) => index).slice(1);
    const lane = async () => {
      for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
        await startNode(index);
        onEvent(`${nameOf(index)} joined (${seconds()})`);
      }
    };
    await Promise.all([
      until("the Jobs API", () => answers(`${address}/api/jobs/`, token)),
      ...Array.from({ length: startsAtOnce }, lane),
    ]);
  } catch (error) {
    await Promise.all(groups.map((group) => group.end(0)));
    throw error;
  }
  for (const [index, group] of groups.entries()) {
    void group.ended.then((how) => {
      if (!group.told) options.onExit?.(`node ${index + 1} ended (${how})`);
    });
  }
  const all = ports.nodes.reduce((sum, _, index) => sum + cpusOf(options.cpus, index), 0);
  const size = ports.nodes.length === 1 ? "" : `: ${ports.nodes.length} nodes, ${all} CPUs`;
  onEvent(`ready (${seconds()})${size}`);
  return groups;
}

function nameOf(index: number): string {
  return index === 0 ? "the head" : `node ${index + 1}`;
}

/** CPUs of a node, counted from 0. */
export function cpusOf(cpus: number | readonly number[] = 2, index: number): number {
  return typeof cpus === "number" ? cpus : (cpus[index] ?? 2);
}
