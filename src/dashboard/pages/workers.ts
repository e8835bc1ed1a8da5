import { Router } from "express";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { ActionButton, StateBadge, Table } from "../ui.ts";
import { allows } from "../viewer.ts";

export function workerPages({ client }: DashboardParts, audit: Audit): Router {
  const router = Router();

  router.get("/workers", async (request, response) => {
    const workers = await client.inspect.workers();
    const csrfToken = response.locals["csrfToken"] ?? "";
    const mayAct = request.viewer !== undefined && allows(request.viewer, "admin");
    const rows = workers.map(
      ({ name, state, queues, completed, failed }) => html`<tr>
        <th scope="row">${name}</th>
        <td><${StateBadge} state=${state} /></td>
        <td>${queues.map((queue) => queue.name).join(", ")}</td>
        <td>${completed}</td>
        <td>${failed}</td>
        <td>
          ${
            mayAct &&
            html`<${ActionButton}
              action=${`/workers/${encodeURIComponent(name)}/shutdown`}
              label="Stop"
              confirm=${`Stop the worker ${name}?`}
              csrfToken=${csrfToken}
              danger
            />`
          }
        </td>
      </tr>`,
    );
    sendPage(request, response, {
      title: "Workers",
      section: "/workers",
      // The live stream says that something changed; the page is asked for anew and this part of it is taken.
      content: html`<section
        id="workers"
        hx-get="/workers"
        hx-select="#workers"
        hx-trigger="sse:workers"
        hx-swap="morph:outerHTML"
      >
        <${Table}
          caption="Workers"
          head=${["Name", "State", "Queues", "Completed", "Failed", ""]}
          rows=${rows}
          empty="No worker has run within the last hour."
        />
      </section>`,
    });
  });

  router.post("/workers/:name/shutdown", requireRole("admin"), async (request, response) => {
    const name = String(request.params["name"]);
    await client.control.shutdown({ workers: [name] });
    await audit(request, { action: "worker.shutdown", target: name });
    response.redirect(303, "/workers");
  });

  return router;
}
