import type { ErrorRequestHandler } from "express";
import { type LovageError, toLovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import { html } from "./html.ts";
import { statusOf } from "./http-status.ts";
import { sendPage } from "./page.ts";

/** The last handler: an error as a page, with its code and what to do. */
export function answerError(logger: Logger): ErrorRequestHandler {
  return (thrown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = toLovageError(thrown, "UNEXPECTED");
    const status = statusOf(error);
    if (status >= 500) logger.error({ err: thrown, path: request.path }, "a page failed");
    response.status(status);
    sendPage(request, response, { title: titleOf(status), section: "", content: explain(error) });
  };
}

function titleOf(status: number): string {
  if (status === 403) return "Not allowed";
  if (status === 404) return "Not found";
  return status >= 500 ? "Something went wrong" : "That did not work";
}

function explain({ code, message, hint }: LovageError) {
  return html`<p><code>${code}</code> ${message}</p>${hint && html`<p>${hint}</p>`}`;
}
