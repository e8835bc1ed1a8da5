import { fileURLToPath } from "node:url";
import express, { type Request, type RequestHandler, type Response, Router } from "express";
import { errorCodes } from "../../core/errors.ts";
import { protectFromForgery } from "../csrf.ts";
import { requireLogin } from "../gate.ts";
import { html, renderDocument } from "../html.ts";
import type { DashboardParts } from "../parts.ts";
import { enqueueExamples } from "./examples.ts";
import { createOpenApi } from "./openapi.ts";

/** The OpenAPI document, and pages that show it and what the codes mean. */
export function createDocs(
  { client, version, logger }: Pick<DashboardParts, "client" | "version" | "logger">,
  known: readonly RequestHandler[],
  login: readonly RequestHandler[],
): Router {
  const router = Router({ strict: true, caseSensitive: true });
  let made = { examples: "", document: "" };

  async function document(): Promise<string> {
    const manifests = await client.tasks().catch((error: unknown) => {
      logger.warn({ err: error }, "the API's document has no examples");
      return [];
    });
    const examples = enqueueExamples(manifests);
    const text = JSON.stringify(examples);
    if (text !== made.examples || made.document === "") {
      made = { examples: text, document: JSON.stringify(createOpenApi(version, examples)) };
    }
    return made.document;
  }

  router.get("/openapi.json", ...known, async (_request, response) => {
    response.type("json").send(await document());
  });
  // A person without a login is led to it.
  router.get("/docs", ...login, requireLogin, protectFromForgery, showApi);
  router.get("/docs/errors", ...login, requireLogin, showErrors);
  for (const [path, file] of Object.entries(files)) router.use(`/docs/${path}`, express.static(file));
  return router;
}

const own = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const swagger = (path: string) => fileURLToPath(import.meta.resolve(`swagger-ui-dist/${path}`));

/** Looks without data, for everybody. */
const files = {
  "swagger-ui.css": swagger("swagger-ui.css"),
  "swagger-ui-bundle.js": swagger("swagger-ui-bundle.js"),
  "start.js": own("browser/start.js"),
  "look.css": own("browser/look.css"),
};

function showApi(_request: Request, response: Response): void {
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="csrf-token" content=${response.locals["csrfToken"] ?? ""} />
      <title>HTTP API · Lovage</title>
      <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
      <script src="/assets/theme.js"></script>
      <link rel="stylesheet" href="docs/swagger-ui.css" />
      <link rel="stylesheet" href="/assets/style.css" />
      <link rel="stylesheet" href="docs/look.css" />
      <script src="docs/swagger-ui-bundle.js" defer></script>
      <script src="docs/start.js" type="module"></script>
    </head>
    <body class="api">
      <header class="back"><a href="/">Lovage</a> <a href="docs/errors">Error codes</a></header>
      <div id="api" role="main"></div>
    </body>
  </html>`;
  response.type("html").send(renderDocument(page));
}

/** Where the `type` of a problem leads. */
function showErrors(_request: Request, response: Response): void {
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>Error codes · Lovage</title>
      <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
      <script src="/assets/theme.js"></script>
      <link rel="stylesheet" href="/assets/style.css" />
      <link rel="stylesheet" href="look.css" />
    </head>
    <body class="api">
      <header class="back"><a href="/">Lovage</a> <a href="../docs">HTTP API</a></header>
      <div class="errors" role="main">
        <h1>Error codes</h1>
        <dl>
          ${Object.entries(errorCodes).map(
            ([code, { meaning, retryable }]) =>
              html`<div id=${code}>
                <dt><code>${code}</code>${retryable && html` <small>may succeed later</small>`}</dt>
                <dd>${meaning}</dd>
              </div>`,
          )}
        </dl>
      </div>
    </body>
  </html>`;
  response.type("html").send(renderDocument(page));
}
