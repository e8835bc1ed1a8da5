import { Router } from "express";
import type { Audit } from "../audit.ts";
import { html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";

export function schedulePages(_parts: DashboardParts, _audit: Audit): Router {
  const router = Router();
  router.get("/schedules", (request, response) => {
    sendPage(request, response, { title: "Schedules", section: "/schedules", content: html`<p></p>` });
  });
  return router;
}
