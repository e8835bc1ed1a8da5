import { Router } from "express";
import type { AuditLine, AuditLog } from "../../queue/audit-log.ts";
import { requireRole } from "../access.ts";
import { html } from "../html.ts";
import { sendPage } from "../page.ts";
import { Ago, Pager, Table } from "../ui.ts";

const pageLength = 50;

/** Who did what, for admins. */
export function auditPages(log: AuditLog): Router {
  const router = Router();
  router.get("/audit", requireRole("admin"), async (request, response) => {
    const asked = (name: string) => {
      const value = request.query[name];
      return typeof value === "string" && value !== "" ? value : undefined;
    };
    const [by, action, before] = ["by", "action", "before"].map(asked);
    const place = /^\d+-\d+$/.test(before ?? "") ? before : undefined;
    const { lines, next } = await log.list({ by, action, before: place, limit: pageLength });
    const filter = { ...(by && { by }), ...(action && { action }) };
    const path = (more: Record<string, string>) => `/audit?${new URLSearchParams({ ...filter, ...more })}`;
    sendPage(request, response, {
      title: "Audit log",
      section: "/audit",
      content: html`<form class="filter" method="get" action="/audit" role="search">
          <label>User <input name="by" value=${by ?? ""} /></label>
          <label>
            Action
            <input name="action" value=${action ?? ""} placeholder="job, queue.pause, login.failed" />
          </label>
          <button type="submit">Filter</button>
        </form>
        <${Table}
          caption="What was done"
          head=${["When (UTC)", "Who", "From", "Action", "To what", "Details"]}
          rows=${lines.map(row)}
          empty="Nothing was done yet that fits."
        />
        <${Pager}
          first=${place && path({})}
          next=${next === null ? undefined : path({ before: next })}
        />`,
    });
  });
  return router;
}

function row({ at, by, role, from, action, target, details }: AuditLine) {
  return html`<tr>
    <td class="mono">${at.toISOString().slice(0, 19).replace("T", " ")}<br /><${Ago} at=${at} /></td>
    <td>${by ?? html`<span class="none">nobody</span>`} ${role && html`<small class="muted">${role}</small>`}</td>
    <td class="mono">${from}</td>
    <td><code>${action}</code></td>
    <td class="mono">${target}</td>
    <td>${Object.entries(details).map(([name, value]) => html`<div><small>${name}: ${text(value)}</small></div>`)}</td>
  </tr>`;
}

const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
