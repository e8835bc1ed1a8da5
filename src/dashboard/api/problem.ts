import type { ErrorRequestHandler, Response } from "express";
import { type ErrorCode, errorCodes, LovageError } from "../../core/errors.ts";
import type { Logger } from "../../observe/logger.ts";
import { statusOf } from "../http-status.ts";

/** An error that says when to come back. */
export class TooManyRequests extends LovageError {
  /** Seconds. */
  readonly after: number;

  constructor(message: string, after: number, hint: string) {
    super("RATE_LIMITED", message, { hint });
    this.after = after;
  }
}

/** A request that does not fit the OpenAPI document; what fits it and is refused all the same has another status. */
export class MalformedRequest extends LovageError {}

/** An error as RFC 9457 has it. Relative to the host, as the API's own address is whatever a proxy makes of it. */
export function toProblem(error: LovageError): { status: number; [member: string]: unknown } {
  const { stack: _stack, cause: _cause, message, ...record } = error.toRecord();
  const meaning = errorCodes[error.code as ErrorCode]?.meaning;
  return {
    type: `/api/v1/docs/errors#${error.code}`,
    title: meaning ?? "A task's own error.",
    status: error instanceof MalformedRequest ? 400 : statusOf(error),
    detail: message,
    ...record,
  };
}

/** The API's last handler. */
export function answerProblem(logger: Logger): ErrorRequestHandler {
  return (thrown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = toForeseen(thrown);
    const problem = toProblem(error);
    if (problem.status >= 500) logger.error({ err: thrown, path: request.path }, "the API failed");
    if (problem.status === 401) response.set("WWW-Authenticate", 'Bearer realm="lovage"');
    if (error instanceof TooManyRequests) response.set("Retry-After", String(error.after));
    else if (problem.status === 503) response.set("Retry-After", "5");
    sendProblem(response, problem);
  };
}

function sendProblem(response: Response, problem: { status: number }): void {
  // Not `json`: that would add a charset, which the type does not have.
  response.status(problem.status).set("Content-Type", "application/problem+json");
  response.end(JSON.stringify(problem));
}

/** Of parsers' errors by their type; what nobody foresaw may say more than is good for whoever asked. */
function toForeseen(thrown: unknown): LovageError {
  if (thrown instanceof LovageError) return thrown;
  const { status, type, message } = (thrown ?? {}) as { status?: unknown; type?: unknown; message?: unknown };
  switch (type) {
    case "entity.too.large":
      return new LovageError("DATA_TOO_LARGE", "the body is too large", {
        field: "body",
        hint: "send less at once; inputs have up to 1 MiB",
      });
    case "encoding.unsupported":
    case "charset.unsupported":
      return new LovageError("MEDIA_TYPE_UNSUPPORTED", String(message), { hint: "send JSON in UTF-8" });
    case "entity.parse.failed":
      return new MalformedRequest("INPUT_INVALID", `the body is no JSON: ${message}`, { field: "body" });
    default:
  }
  if (typeof status === "number" && status >= 400 && status < 500)
    return new MalformedRequest("INPUT_INVALID", "the request cannot be read");
  return new LovageError("UNEXPECTED", "something went wrong here", { hint: "the server's log says more" });
}
