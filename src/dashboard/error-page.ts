import type { ErrorRequestHandler } from "express";
import { LovageError, toLovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import { html } from "./html.ts";
import { statusOf } from "./http-status.ts";
import { sendPage } from "./page.ts";

/** The last handler: an error as a page, with its code and what to do; as JSON for what is no page. */
export function answerError(logger: Logger): ErrorRequestHandler {
  return (thrown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const { error, status } = read(thrown);
    if (status >= 500) logger.error({ err: thrown, path: request.path }, "a page failed");
    response.status(status);
    if (request.accepts(["html", "json"]) !== "html") {
      const { code, message, hint } = error;
      response.json({ code, message, hint });
      return;
    }
    sendPage(request, response, { title: titleOf(status), section: "", content: explain(error) });
  };
}

/** Express and its parsers throw errors that bring a status with them. */
function read(thrown: unknown): { error: LovageError; status: number } {
  const { status, type } = (thrown ?? {}) as { status?: unknown; type?: unknown };
  if (thrown instanceof LovageError || typeof status !== "number" || status >= 500) {
    const error = toLovageError(thrown, "UNEXPECTED");
    // What nobody foresaw may say more than is good for whoever asked.
    if (error.code !== "UNEXPECTED") return { error, status: statusOf(error) };
    const plain = new LovageError("UNEXPECTED", "something went wrong here", { hint: "the log says more" });
    return { error: plain, status: 500 };
  }
  if (type === "entity.too.large") {
    const hint = "send less at once";
    return { error: new LovageError("DATA_TOO_LARGE", "the request is too large", { hint }), status };
  }
  return { error: new LovageError("INPUT_INVALID", "the request cannot be read"), status };
}

function titleOf(status: number): string {
  if (status === 403) return "Not allowed";
  if (status === 404) return "Not found";
  if (status === 413) return "Too large";
  if (status === 503) return "Not available";
  return status >= 500 ? "Something went wrong" : "That did not work";
}

function explain({ code, message, hint }: LovageError) {
  return html`<div class="notice failed">
    <p><code>${code}</code> ${message}</p>
    ${hint && html`<p>${hint}</p>`}
    <p><a href="/">Back to the overview</a></p>
  </div>`;
}
