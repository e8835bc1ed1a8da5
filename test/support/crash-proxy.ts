import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** At which command a process dies, counted from 1, and whether Redis still carries that one out. */
export interface Crash {
  at: number;
  carriedOut: boolean;
}

/** A way to Redis that ends for good at a given command: what lies behind it is, for Redis, a process that died there. */
export interface CrashProxy {
  readonly url: string;
  /** Counts commands from now on, all connections together, and crashes where it is told to. */
  arm(crash?: Crash): void;
  /** The commands since then. */
  readonly commands: readonly string[];
  /** Aborted at the moment of the crash. */
  readonly crashing: AbortSignal;
  /** Resolves once Redis, too, has noticed. */
  readonly crashed: Promise<void>;
  close(): Promise<void>;
}

/** @param redis the URL of the process' Redis */
export async function startCrashProxy(redis: string): Promise<CrashProxy> {
  const { hostname, port } = new URL(redis);
  const pairs = new Set<{ near: Socket; far: Socket }>();
  const crashing = new AbortController();
  const { promise: crashed, resolve: tellCrashed } = Promise.withResolvers<void>();
  let commands: string[] = [];
  let armed = false;
  let crash: Crash | undefined;

  /** Redis reads what it was sent before it reads the end, so what is on its way is carried out. */
  function die(): void {
    crashing.abort();
    const gone = [...pairs].map(({ near, far }) => {
      near.destroy();
      if (far.destroyed) return undefined;
      far.resume();
      const closed = once(far, "close");
      far.end();
      return closed;
    });
    void Promise.all(gone).then(() => tellCrashed());
  }

  const server = createServer((near) => {
    if (crashing.signal.aborted) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    const pair = { near, far };
    pairs.add(pair);
    near
      .on("error", () => {})
      .on("close", () => {
        if (!crashing.signal.aborted) far.destroy();
      });
    far
      .on("error", () => {})
      .on("close", () => {
        pairs.delete(pair);
        near.destroy();
      });
    far.on("data", (chunk) => {
      if (!crashing.signal.aborted) near.write(chunk);
    });
    const take = createSplitter();
    near.on("data", (chunk) => {
      for (const { bytes, name } of take(chunk)) {
        if (crashing.signal.aborted) return;
        if (armed) commands.push(name);
        const last = armed && crash !== undefined && commands.length >= crash.at;
        if (!last || crash?.carriedOut) far.write(bytes);
        if (last) die();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arm(at) {
      commands = [];
      crash = at;
      armed = true;
    },
    get commands() {
      return commands;
    },
    crashing: crashing.signal,
    crashed,
    async close() {
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Cuts what a client sends into its commands: arrays of strings, each with its length in front. */
function createSplitter(): (chunk: Buffer) => { bytes: Buffer; name: string }[] {
  let rest: Buffer = Buffer.alloc(0);

  /** Where the line ends that begins there, and the number that it says; undefined while it is not whole. */
  function readNumber(from: number): { value: number; next: number } | undefined {
    const end = rest.indexOf("\r\n", from);
    if (end === -1) return undefined;
    return { value: Number(rest.toString("latin1", from + 1, end)), next: end + 2 };
  }

  function readOne(): { bytes: Buffer; name: string } | undefined {
    const head = readNumber(0);
    if (head === undefined) return undefined;
    let at = head.next;
    const words: string[] = [];
    for (let part = 0; part < head.value; part += 1) {
      const length = readNumber(at);
      if (length === undefined || length.next + length.value + 2 > rest.length) return undefined;
      if (part < 2) words.push(rest.toString("utf8", length.next, length.next + Math.min(length.value, 60)));
      at = length.next + length.value + 2;
    }
    const bytes = rest.subarray(0, at);
    rest = rest.subarray(at);
    return { bytes, name: words.join(" ") };
  }

  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = [];
    for (let one = readOne(); one !== undefined; one = readOne()) whole.push(one);
    return whole;
  };
}
