import { AsyncLocalStorage } from "node:async_hooks";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import type { AfterHook, BeforeHook, IServerAdapter } from "@bull-board/api/dist/types.js";
import { ExpressAdapter } from "@bull-board/express";
import { json, type Request, type RequestHandler, type Response, Router } from "express";
import { LovageError, toLovageError } from "../core/errors.ts";
import { type Broker, partsOf, type Shard } from "../queue/broker.ts";
import { type QueueName, queueNames } from "../task/definition.ts";
import { requireRole } from "./access.ts";
import type { Audit } from "./audit.ts";
import { enqueueForm, formSchema } from "./board-calls.ts";
import { boardLook } from "./board-look.ts";
import { ruleOf } from "./board-rules.ts";
import { statusOf } from "./http-status.ts";
import type { DashboardParts } from "./parts.ts";
import { allowInlineStyles } from "./security-headers.ts";
import { allows } from "./viewer.ts";

const descriptions: Readonly<Record<QueueName, string>> = {
  ml: "Training, search and predictions, on the Ray cluster",
  data: "Files and tables",
  default: "Everything small: health, notifications, upkeep",
};

/** Bull Board under /board: our roles, our audit log, and jobs that are checked before they are added. */
export function boardPages({ broker, client }: DashboardParts, audit: Audit): Router {
  // The hooks get copies of a request; whose it is they find here.
  const asking = new AsyncLocalStorage<Request>();

  const before: BeforeHook = async (context) => {
    const viewer = asking.getStore()?.viewer;
    const rule = ruleOf(context);
    if ("refused" in rule) return { allow: false, status: 405, message: rule.refused };
    if (viewer === undefined || !allows(viewer, rule.role)) {
      return { allow: false, status: 403, message: `This needs the role ${rule.role}` };
    }
    if (await wouldRunAgain(broker, context)) {
      const message = "The job completed; enqueue it anew, so that its result stays as it is";
      return { allow: false, status: 409, message };
    }
    return { allow: true };
  };

  const after: AfterHook = async (context, result) => {
    const request = asking.getStore();
    const rule = ruleOf(context);
    if (
      request !== undefined &&
      "role" in rule &&
      rule.action !== undefined &&
      (result.status ?? 200) < 400
    ) {
      const { queueName = "all queues", ...details } = context.request.params as Record<string, string>;
      await audit(request, {
        action: rule.action,
        target: queueName,
        details: { ...details, by: "Bull Board" },
      });
    }
    return result;
  };

  const server = new ExpressAdapter();
  server.setBasePath("/board");
  createBullBoard({
    queues: partsOf(broker, queueNames).map(({ shard, queue }) =>
      createAdapter(shard, queue, labelOf(broker, shard)),
    ),
    // The two packages may be of two releases, whose types are then strangers.
    serverAdapter: server as unknown as IServerAdapter,
    options: { uiConfig: boardLook, handlerHooks: { before, after } },
  });

  const router = Router();
  const board = Router();
  router.use("/board", allowInlineStyles(), shareToken, board);
  // Its scripts are large, and the same until its next release.
  board.use("/static", (_request, response, next) => {
    response.set("Cache-Control", "private, max-age=3600");
    next();
  });
  board.get("/api/queues/:queue/job-data-schema", async (request, response) => {
    const name = String(request.params["queue"]);
    response.json(formSchema(await client.tasks(), partNamed(broker, name)?.queue ?? name));
  });
  board.post(
    "/api/queues/:queue/add",
    requireRole("operator"),
    json({ limit: "2mb" }),
    async (request, response) => {
      const queue = partNamed(broker, String(request.params["queue"]))?.queue;
      if (queue === undefined) {
        throw new LovageError("NOT_FOUND", "there is no such queue", { value: request.params["queue"] });
      }
      const { id, task } = await enqueueForm(client, queue, request.body ?? {});
      await audit(request, { action: "job.enqueue", target: id, details: { queue, task, by: "Bull Board" } });
      response.json({ job: { id, name: task }, status: "waiting" });
    },
  );
  board.use((request, response, next) => {
    renderInOurFrame(server, response, next);
    asking.run(request, next);
  });
  board.use(server.getRouter() as RequestHandler);
  board.use("/api", answerBoardError);
  return router;
}

/** What Bull Board puts before a queue's name: where there are shards, it knows their parts and not the whole. */
function labelOf({ shards }: Broker, { keys }: Shard): string {
  return shards.length === 1 ? "" : `shard${keys.shard}-`;
}

/** The part of a queue that Bull Board means. */
function partNamed(broker: Broker, name: string | undefined): { shard: Shard; queue: QueueName } | undefined {
  return partsOf(broker, queueNames).find(({ shard, queue }) => `${labelOf(broker, shard)}${queue}` === name);
}

function createAdapter(shard: Shard, name: QueueName, prefix: string): BullMQAdapter {
  const options = {
    prefix,
    description: descriptions[name],
    // A result that somebody has read stays as it is. (Its types do not know the option.)
    allowCompletedRetries: false,
    externalJobUrl: ({ id }: { id?: unknown }) => ({
      href: `/jobs/${name}/${encodeURIComponent(String(id))}`,
      displayText: "Details",
    }),
  };
  const adapter = new BullMQAdapter(shard.queue(name), options);
  // What callers gave; the rest of the data is for workers.
  adapter.setFormatter("data", (data) => shown(isCall(data) ? data.input : data));
  adapter.setFormatter("returnValue", shown);
  return adapter;
}

/** A value that Bull Board can send; what is nested too deeply, which calls of its own would not have written, a note. */
function shown(value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value;
  } catch {
    return "(nested too deeply to be shown)";
  }
}

/** Bull Board's own scripts send this cookie's value back as the header X-XSRF-TOKEN. */
const shareToken: RequestHandler = (request, response, next) => {
  const token = String(response.locals["csrfToken"] ?? "");
  if (request.get("cookie")?.includes(`XSRF-TOKEN=${token}`) !== true) {
    response.cookie("XSRF-TOKEN", token, { path: "/board", sameSite: "lax", secure: request.secure });
  }
  next();
};

/** Errors as Bull Board shows them to people. */
function answerBoardError(
  thrown: unknown,
  _request: Request,
  response: Response,
  next: (error?: unknown) => void,
) {
  if (response.headersSent) return next(thrown);
  const error = toLovageError(thrown, "UNEXPECTED");
  const details = error.hint === undefined ? {} : { details: error.hint };
  response.status(statusOf(error)).json({ error: `${error.code}: ${error.message}`, ...details });
}

/** Its page asks Google for a font, and knows no way back. */
function renderInOurFrame(server: ExpressAdapter, response: Response, next: (error?: unknown) => void): void {
  response.render = (view: string, values?: object | ((error: Error, markup: string) => void)) => {
    server.getRouter().render(view, values, (error: Error | null, markup: string) => {
      if (error !== null) return next(error);
      response
        .type("html")
        .send(
          markup
            .replace(/<link href="https:[^>]*>/, '<link rel="stylesheet" href="/assets/board.css">')
            .replace('<div id="root">', '<script src="/assets/board.js"></script><div id="root">'),
        );
    });
  };
}

async function wouldRunAgain(
  broker: Broker,
  { route, request }: Parameters<BeforeHook>[0],
): Promise<boolean> {
  const { queueName, queueStatus, jobId } = request.params as Record<string, string | undefined>;
  if (route.endsWith("/retry/:queueStatus")) return queueStatus === "completed";
  if (!route.endsWith("/:jobId/retry") || queueName === undefined || jobId === undefined) return false;
  const part = partNamed(broker, queueName);
  return part !== undefined && (await part.shard.queue(part.queue).getJobState(jobId)) === "completed";
}

function isCall(data: unknown): data is { v: number; input: unknown } {
  return typeof data === "object" && data !== null && "v" in data && "input" in data;
}
