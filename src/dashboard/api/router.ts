import { type Request, type RequestHandler, type Response, Router } from "express";
import * as z from "zod";
import { type Operation, type OperationId, operations } from "../../contract/index.ts";
import { LovageError } from "../../core/errors.ts";
import type { Audit } from "../audit.ts";
import type { DashboardParts } from "../parts.ts";
import { noteAction } from "./audited.ts";
import { authenticate, callerOf, requireAccept, requireScope } from "./authentication.ts";
import { createDocs } from "./docs.ts";
import { createHandlers } from "./handlers.ts";
import { type Asked, type Handler, Pending, type StreamEvent } from "./operation-types.ts";
import { answerProblem } from "./problem.ts";
import { bodyReader, readRequest } from "./reading.ts";
import { createStreamCount, sendStream } from "./streams.ts";

export interface ApiParts extends DashboardParts {
  audit: Audit;
  /** What knows who is logged in. */
  session: readonly RequestHandler[];
}

/** The HTTP API, as the contract has it; mounted under `/api/v1`. */
export function createApi(parts: ApiParts): Router {
  // Paths are as they are written.
  const router = Router({ strict: true, caseSensitive: true });
  const known = authenticate(parts.broker, parts.session);
  const handlers = createHandlers(parts);
  const streams = createStreamCount();

  for (const [id, operation] of Object.entries(operations) as [OperationId, Operation][]) {
    const { method, path, scope, stream } = operation;
    router[method](
      path.replaceAll(/\{(\w+)\}/g, ":$1"),
      ...(scope === null ? [] : [...known, requireScope(scope)]),
      requireAccept(stream === undefined ? "application/json" : "text/event-stream"),
      ...bodyReader(operation),
      answer(id, operation, handlers[id] as Handler<Operation>),
    );
  }
  router.use(createDocs(parts, known, parts.session));
  for (const { path } of Object.values(operations).filter(({ scope }) => scope === null))
    router.all(path, answerOther);
  router.use(...known, answerOther);
  router.use(answerProblem(parts.logger));
  return router;

  function answer(id: OperationId, operation: Operation, handle: Handler<Operation>): RequestHandler {
    return async (request, response) => {
      const gone = new AbortController();
      response.once("close", () => gone.abort("the caller is gone"));
      const asked: Asked = {
        ...(readRequest(operation, request) as Pick<Asked, "params" | "query" | "headers" | "body">),
        caller: callerOf(response),
        signal: gone.signal,
        header: (name, value) => response.set(name, value),
      };
      if (operation.stream === undefined) {
        const value: unknown = await handle(asked);
        if (operation.scope === "control") await noteAction(parts.audit, request, id, asked);
        return send(operation, response, value);
      }
      const giveBack = streams.take(asked.caller.id);
      try {
        const events = (await handle(asked)) as unknown as AsyncIterable<StreamEvent>;
        if (request.method === "HEAD") gone.abort("no body is wanted");
        await sendStream(response, encoded(operation.stream, events), gone.signal);
      } finally {
        giveBack();
      }
    };
  }
}

function send({ answer, pending, status }: Operation, response: Response, value: unknown): void {
  if (value instanceof Pending && pending !== undefined) {
    response.status(202).json(z.encode(pending, value.answer));
  } else if (answer === undefined) response.status(status).end();
  else response.status(status).json(z.encode(answer, value));
}

/** Ends as soon as it is told, also while it waits for the next event. */
function encoded(
  shapes: NonNullable<Operation["stream"]>,
  events: AsyncIterable<StreamEvent>,
): AsyncIterable<StreamEvent> {
  const inner = events[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const next = await inner.next();
        if (next.done === true || next.value.data === undefined) return next;
        const shape = shapes[next.value.event ?? "message"] ?? z.unknown();
        return { done: false, value: { ...next.value, data: z.encode(shape, next.value.data) } };
      },
      async return() {
        await inner.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

const templates = Object.values(operations).map(({ path, method }) => ({
  path,
  method: method.toUpperCase(),
  parameters: path.split("{").length - 1,
  form: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`),
}));

/** Tells a path that is none from a method that a path has not. */
function answerOther(request: Request, response: Response): void {
  const fitting = templates.filter(({ form }) => form.test(request.path));
  // A path that is written out goes before one with parameters.
  const [best] = fitting.toSorted((one, other) => one.parameters - other.parameters);
  const methods = new Set(fitting.flatMap(({ path, method }) => (path === best?.path ? [method] : [])));
  if (methods.size === 0) {
    throw new LovageError("NOT_FOUND", `there is nothing under ${request.originalUrl.split("?")[0]}`, {
      field: "path",
      hint: "see /api/v1/docs",
    });
  }
  if (methods.has("GET")) methods.add("HEAD");
  const allowed = [...methods, "OPTIONS"].join(", ");
  response.set("Allow", allowed);
  if (request.method === "OPTIONS") {
    response.status(204).end();
    return;
  }
  throw new LovageError("METHOD_NOT_ALLOWED", `this path has no ${request.method}`, {
    field: "method",
    value: request.method,
    hint: `use one of ${allowed}`,
  });
}
