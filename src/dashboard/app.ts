import type { IncomingMessage, ServerResponse } from "node:http";
import express, { type Express, type RequestHandler } from "express";
import { apiRoot } from "../contract/index.ts";
import { LovageError } from "../core/errors.ts";
import type { AuditLog } from "../queue/audit-log.ts";
import type { LoginThrottle } from "../queue/login-throttle.ts";
import { authenticate, requireScope } from "./api/authentication.ts";
import { createApi } from "./api/router.ts";
import { serveAssets } from "./assets.ts";
import type { Audit } from "./audit.ts";
import { boardPages } from "./board.ts";
import { protectFromForgery } from "./csrf.ts";
import type { DashboardOptions } from "./dashboard.ts";
import { answerError } from "./error-page.ts";
import { takeFlash } from "./flash.ts";
import { requireLogin } from "./gate.ts";
import type { Live } from "./live.ts";
import { loginPages } from "./login.ts";
import { auditPages } from "./pages/audit.ts";
import { chartPages } from "./pages/charts.ts";
import { jobPages } from "./pages/jobs.ts";
import { keyPages } from "./pages/keys.ts";
import { overviewPages } from "./pages/overview.ts";
import { rayPages } from "./pages/ray.ts";
import { schedulePages } from "./pages/schedules.ts";
import { taskPages } from "./pages/tasks.ts";
import { workerPages } from "./pages/workers.ts";
import { workflowPages } from "./pages/workflows.ts";
import { keepNothing, securityHeaders } from "./security-headers.ts";
import { identify } from "./sessions.ts";
import type { Users } from "./users.ts";

/** Answers one request; Express takes it as it is. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface AppParts extends Omit<DashboardOptions, "users"> {
  users: Users;
  session: RequestHandler;
  throttle: LoginThrottle;
  audit: Audit;
  auditLog: AuditLog;
  live: Live;
}

/** The pages, behind the login. What stands before it is open to everybody: health, the looks, the login itself. */
export function createApp(parts: AppParts): Express {
  const { audit, live, users } = parts;
  const app = express();
  app.disable("x-powered-by");
  // One proxy: what a caller claims beyond it is a claim only.
  app.set("trust proxy", parts.trustProxy ? 1 : false);
  app.set("query parser", "simple");
  app.use(securityHeaders(parts.tls !== undefined));

  app.get("/livez", parts.health?.livez ?? sayYes);
  app.get("/readyz", parts.health?.readyz ?? sayYes);
  app.use(serveAssets());
  const { enterTrace } = parts;
  if (enterTrace !== undefined) app.use((request, _response, next) => enterTrace(request.headers, next));

  app.use(keepNothing);
  app.use((_request, response, next) => {
    response.locals["version"] = parts.version;
    next();
  });
  // It asks for credentials at each request: an API key's, or a login's.
  const session = [parts.session, identify(users)];
  app.use(apiRoot, createApi({ ...parts, session }));

  // Prometheus brings an API key, and knows no login page.
  const known = authenticate(parts.broker, session);
  if (parts.metrics !== undefined) app.get("/metrics", ...known, requireScope("read"), parts.metrics);

  app.use(session);
  app.use(loginPages({ users, throttle: parts.throttle, audit, onLogout: live.end }));
  app.use(requireLogin);
  app.get("/live", live.handler);
  app.use(express.urlencoded({ extended: false, limit: "2mb" }), protectFromForgery, takeFlash);
  app.use(tellOthers(live));
  for (const pages of pageRouters) app.use(pages(parts, audit));
  app.use(auditPages(parts.auditLog));
  app.use((request) => {
    throw new LovageError("NOT_FOUND", `there is no page ${request.path}`, { hint: "see the navigation" });
  });
  app.use(answerError(parts.logger));
  return app;
}

/** The pages, a router each. What they do to others they guard by `requireRole`. */
export const pageRouters = [
  overviewPages,
  jobPages,
  workflowPages,
  schedulePages,
  workerPages,
  taskPages,
  rayPages,
  chartPages,
  keyPages,
  boardPages,
];

const sayYes: Handler = (_request, response) => {
  response.setHeader("content-type", "application/json");
  response.end('{"ok":true}');
};

/** What somebody did is seen at once by all who look, also where no job's event tells of it. */
function tellOthers(live: Live): RequestHandler {
  return (request, response, next) => {
    if (!["GET", "HEAD", "OPTIONS"].includes(request.method)) {
      response.once("finish", () => {
        if (response.statusCode < 400) live.touch("jobs", "queues", "workers", "schedules", "workflows");
      });
    }
    next();
  };
}
