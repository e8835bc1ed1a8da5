import { type Request, type Response, Router } from "express";
import { toMilliseconds } from "../../core/durations.ts";
import { LovageError } from "../../core/errors.ts";
import { type ApiKey, createApiKeys, defaultApiRate } from "../../queue/api-keys.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import { type Html, html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { ActionButton, Ago, Card, CsrfField, Table } from "../ui.ts";

/** What the form held, to be shown again where it was refused. */
interface Wanted {
  name: string;
  scopes: string;
  rate: string;
  expires: string;
}

const blank: Wanted = { name: "", scopes: "read", rate: defaultApiRate, expires: "" };

/** The keys of the HTTP API, for admins. */
export function keyPages({ broker }: DashboardParts, audit: Audit): Router {
  const router = Router();
  const keys = createApiKeys(broker);

  async function show(request: Request, response: Response, head?: Html, wanted = blank) {
    const csrfToken: string = response.locals["csrfToken"] ?? "";
    const all = await keys.list();
    sendPage(request, response, {
      title: "API keys",
      section: "/keys",
      content: html`${head}
        <p>
          Programs send a key with each request: <code>Authorization: Bearer lovage_…</code>. What they can ask for
          stands in <a href="/api/v1/docs">the API's own page</a>.
        </p>
        <${Table}
          caption="Keys"
          head=${["Name", "Id", "Scopes", "Rate", "Made", "Expires", "Last used", ""]}
          rows=${all.map((key) => row(key, csrfToken))}
          empty="There is no key yet."
        />
        <${Card} title="Make a key"><${KeyForm} wanted=${wanted} csrfToken=${csrfToken} /><//>`,
    });
  }

  router.get("/keys", requireRole("admin"), (request, response) => show(request, response));

  router.post("/keys", requireRole("admin"), async (request, response) => {
    const wanted = readForm(request);
    try {
      const { key, token } = await keys.create({
        name: wanted.name,
        scopes: wanted.scopes.split(/[\s,]+/).filter((scope) => scope !== ""),
        rate: wanted.rate,
        createdBy: request.viewer?.name ?? "",
        ...(wanted.expires !== "" && {
          expiresAt: new Date(Date.now() + toMilliseconds(wanted.expires, "expires")),
        }),
      });
      await audit(request, {
        action: "key.create",
        target: key.id,
        details: { name: key.name, scopes: key.scopes },
      });
      // Not by way of another page: the token would have to be kept until that is asked for.
      await show(request, response.status(201), html`<${Made} name=${key.name} token=${token} />`);
    } catch (error) {
      if (!(error instanceof LovageError) || error.code !== "INPUT_INVALID") throw error;
      const { message, hint } = error;
      const head = html`<p class="flash failed" role="alert">${message}${hint && !message.includes(hint) && `; ${hint}`}</p>`;
      await show(request, response.status(422), head, wanted);
    }
  });

  router.post("/keys/:id/revoke", requireRole("admin"), async (request, response) => {
    const id = String(request.params["id"]);
    await keys.revoke(id);
    await audit(request, { action: "key.revoke", target: id });
    setFlash(request, "done", `The key ${id} is revoked.`);
    response.redirect(303, "/keys");
  });

  return router;
}

function readForm(request: Request): Wanted {
  const field = (name: string) => {
    const value: unknown = request.body?.[name];
    return typeof value === "string" ? value.trim() : "";
  };
  return {
    name: field("name"),
    scopes: field("scopes"),
    rate: field("rate") || defaultApiRate,
    expires: field("expires"),
  };
}

function row(key: ApiKey, csrfToken: string): Html {
  const expired = key.expiresAt !== null && key.expiresAt.getTime() <= Date.now();
  return html`<tr>
    <th scope="row">${key.name}</th>
    <td class="mono"><span class="whole">${key.id}</span></td>
    <td>${key.scopes.map((scope) => html`<div><code class="whole">${scope}</code></div>`)}</td>
    <td>${key.rate}</td>
    <td><${Ago} at=${key.createdAt} />  <small class="muted">${key.createdBy}</small></td>
    <td>${key.expiresAt === null ? "never" : html`<${Ago} at=${key.expiresAt} />`} ${expired && "(expired)"}</td>
    <td>${key.usedAt === null ? html`<span class="none">never</span>` : html`<${Ago} at=${key.usedAt} />`}</td>
    <td>
      <${ActionButton}
        action=${`/keys/${encodeURIComponent(key.id)}/revoke`}
        label="Revoke"
        description=${`Revoke the key ${key.name}`}
        confirm=${`Revoke the key ${key.name}? Programs that use it are refused from then on.`}
        csrfToken=${csrfToken}
        danger
      />
    </td>
  </tr>`;
}

function Made({ name, token }: { name: string; token: string }): Html {
  return html`<div class="notice" role="status">
    <p>The key ${name} is made. Its token is shown this once and kept nowhere; copy it now:</p>
    <p><code class="token">${token}</code></p>
  </div>`;
}

function KeyForm({ wanted, csrfToken }: { wanted: Wanted; csrfToken: string }): Html {
  return html`<form class="stack" method="post" action="/keys">
    <${CsrfField} token=${csrfToken} />
    <label>Name <input name="name" value=${wanted.name} required maxlength="100" autocomplete="off" /></label>
    <label>
      Scopes
      <input name="scopes" value=${wanted.scopes} required aria-describedby="scopes-help" autocomplete="off" />
    </label>
    <p id="scopes-help" class="muted">
      Any of <code>read</code>, <code>control</code>, <code>enqueue</code>, or${" "}
      <code>enqueue:tasks.data_tasks.*</code> for some tasks; with spaces between.
    </p>
    <label>Requests <input name="rate" value=${wanted.rate} pattern="[1-9][0-9]*/[0-9]*(s|m|h|d)" /></label>
    <label>Expires in <input name="expires" value=${wanted.expires} placeholder="90d; empty: never" /></label>
    <button type="submit" class="primary">Make the key</button>
  </form>`;
}
