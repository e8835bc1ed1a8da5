import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import express, { type Express } from "express";
import { LovageError } from "../core/errors.ts";
import type { Probes } from "../process/health.ts";
import type { Service } from "../process/service.ts";
import { createAudit } from "./audit.ts";
import { answerError } from "./error-page.ts";
import { chartPages } from "./pages/charts.ts";
import { jobPages } from "./pages/jobs.ts";
import { overviewPages } from "./pages/overview.ts";
import { rayPages } from "./pages/ray.ts";
import { schedulePages } from "./pages/schedules.ts";
import { workerPages } from "./pages/workers.ts";
import { workflowPages } from "./pages/workflows.ts";
import type { DashboardParts } from "./parts.ts";

export interface DashboardOptions extends DashboardParts {
  host: string;
  /** 0: any that is free. */
  port: number;
  /** Default: `/livez` says that it answers, and there is nothing more. */
  probes?: Probes;
  /** Runs what a request asks for in the trace that its headers name. Default: there are no traces. */
  enterTrace?: ((headers: IncomingHttpHeaders, next: () => void) => void) | undefined;
}

export interface Dashboard extends Service {
  /** Where it listens; known after `start`. */
  readonly url: string;
}

export function createDashboard(options: DashboardOptions): Dashboard {
  const app = createApp(options);
  let server: Server | undefined;
  return {
    get url() {
      const address = server?.address();
      const port = typeof address === "object" && address !== null ? address.port : options.port;
      return `http://${options.host}:${port}`;
    },
    async start() {
      server = createServer(app).listen(options.port, options.host);
      await once(server, "listening");
    },
    async stop() {
      if (server === undefined) return;
      const closed = once(server, "close");
      server.close();
      // Streams of events do not end by themselves.
      server.closeAllConnections();
      await closed;
    },
  };
}

function createApp(parts: DashboardOptions): Express {
  const app = express();
  const audit = createAudit(parts.logger);
  app.disable("x-powered-by");
  const { probes, enterTrace } = parts;
  app.get("/livez", probes?.livez ?? ((_request, response) => response.json({ ok: true })));
  if (probes !== undefined) app.get("/readyz", probes.readyz);
  if (enterTrace !== undefined) app.use((request, _response, next) => enterTrace(request.headers, next));
  for (const [path, file] of Object.entries(assets)) app.use(path, express.static(file));
  app.use((_request, response, next) => {
    response.locals["version"] = parts.version;
    next();
  });
  app.use(express.urlencoded({ extended: false, limit: "2mb" }));
  for (const pages of [
    overviewPages,
    jobPages,
    workflowPages,
    schedulePages,
    workerPages,
    rayPages,
    chartPages,
  ])
    app.use(pages(parts, audit));
  app.use((request) => {
    throw new LovageError("NOT_FOUND", `there is no page ${request.path}`, { hint: "see the navigation" });
  });
  app.use(answerError(parts.logger));
  return app;
}

const own = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const vendor = (specifier: string) => fileURLToPath(import.meta.resolve(specifier));

/** Files for the browser, as they are: ours, and those of libraries. */
const assets = {
  "/assets/vendor/htmx.min.js": vendor("htmx.org/dist/htmx.min.js"),
  "/assets/vendor/sse.js": vendor("htmx-ext-sse/dist/sse.min.js"),
  "/assets/vendor/idiomorph-ext.min.js": vendor("idiomorph/dist/idiomorph-ext.min.js"),
  "/assets/vendor/uplot.js": vendor("uplot/dist/uPlot.esm.js"),
  "/assets/vendor/uplot.css": vendor("uplot/dist/uPlot.min.css"),
  "/assets": own("assets"),
};
