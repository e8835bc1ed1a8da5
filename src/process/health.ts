import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describeError, LovageError } from "../core/errors.ts";
import type { Service } from "./service.ts";

/** Says what is wrong; undefined: nothing is. */
export type Look = () => string | undefined | Promise<string | undefined>;

/** Answers one request; Express takes it as it is. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** What a process tells those who ask whether it is well. */
export interface Health {
  /** Adds checks by name: to both answers what only a restart mends, else to the one about readiness. */
  watch(checks: { live?: Record<string, Look>; ready?: Record<string, Look> }): void;
  /** Whether it serves by now; it begins with `starting`, which is not ready. */
  stage: "starting" | "running" | "stopping";
  /** 200 while nothing is wrong that a restart would mend, else 503. */
  readonly livez: Handler;
  /** 200 while the process can be counted on, else 503. */
  readonly readyz: Handler;
}

/** What a process' health and metrics are asked by; each answers a path of its own. */
export interface Probes {
  readonly livez: Handler;
  readonly readyz: Handler;
  readonly metrics: Handler;
}

/** How long one check may take, in milliseconds: an orchestrator waits a few seconds at most. */
const checkTimeout = 1500;

export function createHealth(): Health {
  const live = new Map<string, Look>();
  const ready = new Map<string, Look>();
  const health: Health = {
    stage: "starting",
    watch(checks) {
      for (const [name, look] of Object.entries(checks.live ?? {})) live.set(name, oneAtATime(look));
      for (const [name, look] of Object.entries(checks.ready ?? {})) ready.set(name, oneAtATime(look));
    },
    livez: (request, response) => void answer(request, response, live),
    readyz: (request, response) => void answer(request, response, new Map([...ready, ...live])),
  };
  ready.set("stage", () => (health.stage === "running" ? undefined : `the process is ${health.stage}`));
  return health;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  checks: Map<string, Look>,
): Promise<void> {
  const results = await Promise.all(
    [...checks].map(async ([name, look]) => {
      const why = await inTime(look);
      return [name, why === undefined ? { ok: true } : { ok: false, why }] as const;
    }),
  );
  const ok = results.every(([, result]) => result.ok);
  const body = JSON.stringify({ ok, checks: Object.fromEntries(results) });
  response.writeHead(ok ? 200 : 503, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function inTime(look: Look): Promise<string | undefined> {
  const late = new AbortController();
  try {
    return await Promise.race([
      look(),
      sleep(checkTimeout, `no answer in ${checkTimeout} ms`, { signal: late.signal, ref: false }),
    ]);
  } catch (error) {
    return describeError(error);
  } finally {
    late.abort();
  }
}

/** However many ask, one look is under way: what hangs must not pile up. */
function oneAtATime(look: Look): Look {
  let looking: Promise<string | undefined> | undefined;
  return () => {
    looking ??= Promise.resolve()
      .then(look)
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };
}

/** Serves handlers by path to whoever can reach the port. */
export function createHealthServer(options: {
  host: string;
  /** 0: any that is free. */
  port: number;
  routes: Readonly<Record<string, Handler>>;
}): Service & { readonly port: number } {
  const { host, routes } = options;
  let server: Server | undefined;
  return {
    get port() {
      const address = server?.address();
      return typeof address === "object" && address !== null ? address.port : options.port;
    },
    async start() {
      server = createServer({ requestTimeout: 10_000, maxHeaderSize: 8192 }, (request, response) => {
        const handle = routes[(request.url ?? "").replace(/\?.*$/, "")];
        if (handle === undefined) response.writeHead(404).end();
        else if (request.method !== "GET" && request.method !== "HEAD")
          response.writeHead(405, { allow: "GET, HEAD" }).end();
        else handle(request, response);
      });
      // What fails at the process' start must be able to end it.
      server.listen(options.port, host).unref();
      try {
        await once(server, "listening");
      } catch (cause) {
        throw cannotListen(host, options.port, cause);
      }
    },
    async stop() {
      if (server?.listening !== true) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function cannotListen(host: string, port: number, cause: unknown): unknown {
  if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") return cause;
  return new LovageError("PORT_TAKEN", `another process listens on ${host}:${port}`, {
    field: "HEALTH_PORT",
    value: port,
    hint: "each process on a host needs a health port of its own: --health-port or HEALTH_PORT",
    cause,
  });
}
