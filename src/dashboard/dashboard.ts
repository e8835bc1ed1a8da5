import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import { LovageError } from "../core/errors.ts";
import type { Service } from "../process/service.ts";
import { createAuditLog } from "../queue/audit-log.ts";
import { sampleBacklog } from "../queue/history.ts";
import { createLoginThrottle } from "../queue/login-throttle.ts";
import { createSessions, readSessionSecret } from "../queue/sessions.ts";
import { createApp, type Handler } from "./app.ts";
import { createAudit } from "./audit.ts";
import { type CertificateFiles, followCertificate, readCertificate, warnOfExpiry } from "./certificate.ts";
import { createLive } from "./live.ts";
import type { DashboardParts } from "./parts.ts";
import { createSessionMiddleware, isLoggedIn } from "./sessions.ts";
import { shareAnswer } from "./shared-answer.ts";
import { createTlsServer } from "./tls-server.ts";
import { createUsers, type UserList } from "./users.ts";

export interface DashboardOptions extends DashboardParts {
  host: string;
  /** 0: any that is free. */
  port: number;
  users: UserList;
  /** Milliseconds without use after which a login ends. */
  sessionAge: number;
  /** Default: plain http. The files are read again when they change. */
  tls?: CertificateFiles | undefined;
  /** Whether a proxy says where requests come from and whether they came by TLS. */
  trustProxy: boolean;
  /** Open to everybody. Default: both say yes. */
  health?: { livez: Handler; readyz: Handler } | undefined;
  /** For those who are logged in, and for API keys with the scope `read`. */
  metrics?: Handler | undefined;
  /** Runs what a request asks for in the trace that its headers name. Default: there are no traces. */
  enterTrace?: ((headers: IncomingHttpHeaders, next: () => void) => void) | undefined;
}

/** How often the backlog is noted for the charts, in milliseconds. */
const samplingInterval = 15_000;

export interface Dashboard extends Service {
  /** @throws LovageError `CONFIG_INVALID` for a certificate that cannot be used, `PORT_TAKEN` */
  start(): Promise<void>;
  /** Where it listens; known after `start`. */
  readonly url: string;
}

export function createDashboard(options: DashboardOptions): Dashboard {
  const { broker, client, logger, host, port, tls } = options;
  let server: Server | undefined;
  let stopTls = () => {};
  let stopLive = () => {};
  let sampling: NodeJS.Timeout | undefined;

  function serve(app: RequestListener): Server {
    if (tls === undefined) return createServer(app);
    const certificate = readCertificate(tls);
    warnOfExpiry(certificate, logger);
    const secure = createTlsServer(certificate, app);
    const stopFollowing = followCertificate(tls, certificate, logger, secure.exchange);
    stopTls = () => {
      stopFollowing();
      secure.endSilent();
    };
    return secure.server;
  }

  return {
    get url() {
      const address = server?.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      return `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${bound}`;
    },
    async start() {
      const sessions = createSessions(broker);
      const auditLog = createAuditLog(broker);
      const secret = await readSessionSecret(broker);
      const users = await createUsers(options.users, secret);
      const live = createLive({
        client,
        logger,
        holds: (request) => isLoggedIn(sessions, users, request),
      });
      stopLive = live.stop;
      const app = createApp({
        ...options,
        users,
        session: createSessionMiddleware({ sessions, secret, age: options.sessionAge }),
        throttle: createLoginThrottle(broker),
        audit: createAudit(auditLog, logger),
        auditLog,
        live,
      });
      server = serve(app);
      server.listen(port, host);
      try {
        await once(server, "listening");
      } catch (error) {
        throw cannotListen(error, host, port);
      }
      // While Redis is away one look waits for it; more would only queue up.
      const look = shareAnswer(() => sampleBacklog(broker), 0);
      const sample = () =>
        void look().catch((error) => logger.warn({ err: error }, "the backlog was not looked at"));
      sample();
      sampling = setInterval(sample, samplingInterval);
    },
    async stop() {
      stopLive();
      clearInterval(sampling);
      stopTls();
      if (server === undefined || !server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function cannotListen(error: unknown, host: string, port: number): LovageError {
  const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
  const why = taken ? "another process listens there" : (error as Error).message;
  return new LovageError(
    taken ? "PORT_TAKEN" : "CONFIG_INVALID",
    `cannot listen on ${host}:${port}: ${why}`,
    {
      field: "DASHBOARD_PORT",
      value: port,
      hint: "choose another: lovage dashboard --port, or DASHBOARD_PORT and DASHBOARD_HOST",
      cause: error,
    },
  );
}
