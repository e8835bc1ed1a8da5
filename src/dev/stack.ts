import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { LovageError } from "../core/errors.ts";
import type { Service } from "../process/service.ts";
import { type NeededPort, requirePorts } from "./ports.ts";
import { cpusOf, type LocalRay, startRay } from "./ray.ts";
import { neededRayPorts, rayPorts } from "./ray-ports.ts";
import { type StackProcess, startStackProcess } from "./stack-process.ts";
import { createStackState } from "./stack-state.ts";
import { type LocalRedis, startValkey } from "./valkey.ts";

/** A process of Lovage's that the stack runs beside Redis and Ray: a worker, the scheduler. */
export interface DevProcess {
  name: string;
  /** The command of `lovage` and what follows it. */
  args: readonly string[];
}

export interface DevStackOptions {
  /** The checkout: where the processes run. */
  root: string;
  /** Where data, logs and secrets of the stack lie. Default `.lovage` in `root`. */
  stateDir?: string;
  /** A Redis that runs already; without it the stack starts its own. */
  redisUrl?: string | undefined;
  /** Of the stack's own Redis. Default 6380. */
  redisPort?: number | undefined;
  /** Of the stack's own Redis. Default: made once and kept in `stateDir`. */
  redisPassword?: string | undefined;
  /** A cluster that runs already; without it the stack starts its own. */
  rayAddress?: string | undefined;
  /** The cluster's token. Default for the stack's own: made once and kept in `stateDir`. */
  rayToken?: string | undefined;
  /** Of the stack's own cluster. Default 1. */
  rayNodes?: number | undefined;
  /** CPUs of each node, the head's first, or one number for all. Default 2. */
  rayCpus?: number | readonly number[] | undefined;
  /** Port of the dashboard and Jobs API. Default 8265. */
  rayPort?: number | undefined;
  /** First of the cluster's other ports, 10 and 10 more for each node. Default 20800. */
  rayBasePort?: number | undefined;
  /** Where the dashboard listens, if one of the processes is one. */
  dashboardPort?: number | undefined;
  /** Of the dashboard's first user. Default: made once and kept in `stateDir`. */
  dashboardPassword?: string | undefined;
  /** As workers and Ray programs see them; made when missing. */
  datasetsDir: string;
  modelsDir: string;
  processes: readonly DevProcess[];
  /** The program of a process and its first arguments; its own follow. */
  command: readonly [string, ...string[]];
  /** What the processes and the cluster inherit. */
  env: Readonly<Record<string, string | undefined>>;
  /** How long processes may finish what they do in a stop, in ms. Default 30 s. */
  deadlineMs?: number;
  /** What happens and what the processes print; the speaker is `redis`, `ray`, `lovage` or a process' name. */
  onLine: (speaker: string, line: string) => void;
}

/** Redis, Ray and Lovage's processes on one machine. */
export interface DevStack extends Service {
  /**
   * Resolves when every process is ready. A start that fails, or that a stop overtakes, leaves nothing behind.
   *
   * @throws LovageError `PORT_TAKEN` (before anything was started, all taken ports at once) or `STACK_FAILED`
   */
  start(): Promise<void>;
  /** Processes first (workers finish their jobs), then Ray, then Redis. */
  stop(): Promise<void>;
  /** Resolves, with the reason, when the stack cannot go on: Redis or Ray died. It is still to be stopped. */
  readonly failed: Promise<LovageError>;
  /** How programs reach the stack: what `dev.env` holds. Empty before `start`. */
  readonly variables: Readonly<Record<string, string>>;
  /** Ends everything at once, also when a stop is under way; what is in Redis stays. */
  kill(): Promise<void>;
}

const portSettings = {
  redis: "--redis-port or REDIS_PORT",
  dashboard: "--ray-port",
  others: "--ray-base-port",
  board: "--dashboard-port or DASHBOARD_PORT",
};
const lifeSignMs = 2_000;
/** As long as the guards of a stack that was killed need to end what it left. */
const leftOverMs = 8_000;
const lostDeadlineMs = 5_000;

export function createDevStack(options: DevStackOptions): DevStack {
  const root = resolve(options.root);
  const stateDir = resolve(root, options.stateDir ?? ".lovage");
  const state = createStackState(stateDir);
  const ports = rayPorts(options.rayNodes ?? 1, options.rayBasePort, options.rayPort);
  const redisPort = options.redisPort ?? 6380;
  const say = (text: string) => options.onLine("lovage", text);

  const stopping = new AbortController();
  const failure = Promise.withResolvers<LovageError>();
  let lost = false;
  let claimed = false;
  let variables: Record<string, string> = {};
  let redis: LocalRedis | undefined;
  let ray: LocalRay | undefined;
  const processes: StackProcess[] = [];
  let starting: Promise<void> | undefined;
  let ending: Promise<void> | undefined;

  const died = (who: "Redis" | "Ray") => (how: string) => {
    lost = true;
    options.onLine(who.toLowerCase(), how);
    failure.resolve(
      new LovageError("STACK_FAILED", `${who} died: ${how}`, { hint: `its log is in ${stateDir}` }),
    );
  };

  async function run(): Promise<void> {
    const leftOver = await state.claim();
    claimed = true;
    await portsFree(leftOver);
    await Promise.all([options.datasetsDir, options.modelsDir].map((dir) => mkdir(dir, { recursive: true })));
    // One that fails does not leave the other behind: both are settled before an error goes on.
    const both = await Promise.allSettled([ownRedis(), ownRay()]);
    for (const one of both) if (one.status === "rejected") throw one.reason;
    stopping.signal.throwIfAborted();
    variables = await connection();
    await state.publish(variables);
    const starts = await Promise.allSettled(options.processes.map(startOne));
    for (const one of starts) if (one.status === "fulfilled") processes.push(one.value);
    for (const one of starts) if (one.status === "rejected") throw one.reason;
    stopping.signal.throwIfAborted();
  }

  async function portsFree(leftOver: boolean): Promise<void> {
    const needed: NeededPort[] = [
      ...(options.redisUrl === undefined
        ? [{ port: redisPort, owner: "Redis", setting: portSettings.redis }]
        : []),
      ...(options.rayAddress === undefined ? neededRayPorts(ports, portSettings) : []),
      ...(options.dashboardPort === undefined
        ? []
        : [{ port: options.dashboardPort, owner: "the dashboard", setting: portSettings.board }]),
    ];
    const giveUp = Date.now() + (leftOver ? leftOverMs : 0);
    if (leftOver) say("an earlier stack was killed; waiting until what it left behind has ended");
    for (;;) {
      try {
        return await requirePorts(needed);
      } catch (error) {
        if (Date.now() > giveUp) throw error;
        await pause(200, undefined, { signal: stopping.signal });
      }
    }
  }

  async function ownRedis(): Promise<void> {
    if (options.redisUrl !== undefined) return;
    redis = await startValkey({
      port: redisPort,
      password: options.redisPassword ?? (await state.secret("redis-password")),
      dir: join(stateDir, "redis"),
      path: options.env["PATH"],
      portSetting: portSettings.redis,
      onExit: died("Redis"),
    });
    options.onLine("redis", `ready on port ${redisPort}`);
  }

  async function ownRay(): Promise<void> {
    if (options.rayAddress !== undefined) return;
    ray = await startRay({
      ports,
      cpus: options.rayCpus ?? 2,
      token: await rayToken(),
      tempDir: join(stateDir, "ray"),
      env: options.env,
      signal: stopping.signal,
      portSettings,
      onEvent: (text) => options.onLine("ray", text),
      onExit: died("Ray"),
    });
  }

  /** Ray's control service listens on every interface: without a token anybody near could run programs here. */
  async function rayToken(): Promise<string | undefined> {
    return options.rayToken ?? (options.rayAddress === undefined ? state.secret("ray-token") : undefined);
  }

  async function connection(): Promise<Record<string, string>> {
    const token = await rayToken();
    const nodes = ports.nodes.length;
    const cpus = ports.nodes.reduce((sum, _, index) => sum + cpusOf(options.rayCpus, index), 0);
    return {
      REDIS_URL: options.redisUrl ?? redis?.url ?? "",
      RAY_ADDRESS: options.rayAddress ?? ray?.address ?? "",
      ...(token === undefined ? {} : { RAY_AUTH_TOKEN: token }),
      ...(ray === undefined ? {} : { RAY_EXPECTED_NODES: String(nodes), RAY_EXPECTED_CPUS: String(cpus) }),
      ...(options.dashboardPort === undefined
        ? {}
        : {
            DASHBOARD_PORT: String(options.dashboardPort),
            DASHBOARD_PASSWORD: options.dashboardPassword ?? (await state.secret("dashboard-password")),
          }),
      DATASETS_DIR: resolve(options.datasetsDir),
      MODELS_DIR: resolve(options.modelsDir),
    };
  }

  async function startOne({ name, args: own }: DevProcess): Promise<StackProcess> {
    const [command, ...args] = options.command;
    return startStackProcess({
      name,
      command,
      args: [...args, ...own],
      cwd: root,
      env: { ...options.env, ...variables },
      signal: stopping.signal,
      onLine: (line) => options.onLine(name, line),
      onEvent: (text) => options.onLine("lovage", `${name} ${text}`),
    });
  }

  /** Does a step of the stop and says every two seconds what it waits for. */
  async function step(what: string, work: Promise<unknown>): Promise<void> {
    const begun = Date.now();
    const sign = setInterval(() => {
      say(`waiting for ${what} to end (${Math.round((Date.now() - begun) / 1000)} s)`);
    }, lifeSignMs);
    await work.finally(() => clearInterval(sign));
  }

  async function shutDown(): Promise<void> {
    if (processes.length > 0) {
      say(`stopping ${processes.map(({ name }) => name).join(", ")}`);
      // Without Redis a worker can neither finish a job nor hand one back.
      const deadline = lost ? lostDeadlineMs : (options.deadlineMs ?? 30_000);
      await Promise.all(processes.map((process) => step(process.name, process.end(deadline))));
    }
    if (ray !== undefined) {
      say("stopping Ray");
      await step("Ray", ray.stop());
    }
    if (redis !== undefined) {
      say("stopping Redis");
      await step("Redis", redis.stop());
    }
    if (claimed) await state.release();
  }

  const end = () => {
    ending ??= shutDown();
    return ending;
  };
  return {
    failed: failure.promise,
    get variables() {
      return variables;
    },
    start() {
      starting ??= run().catch(async (error: unknown) => {
        stopping.abort(error);
        await end();
        throw error;
      });
      return starting;
    },
    async stop() {
      stopping.abort(new LovageError("STACK_FAILED", "the stack was stopped while it started"));
      await starting?.catch(() => undefined);
      await end();
    },
    async kill() {
      stopping.abort(new LovageError("STACK_FAILED", "the stack was stopped while it started"));
      await Promise.all([...processes.map((process) => process.end(0)), ray?.kill(), redis?.kill()]);
      await starting?.catch(() => undefined);
      await end();
    },
  };
}
