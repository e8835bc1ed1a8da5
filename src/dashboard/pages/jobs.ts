import { Router } from "express";
import type { Audit } from "../audit.ts";
import { html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";

export function jobPages(_parts: DashboardParts, _audit: Audit): Router {
  const router = Router();
  router.get("/jobs", (request, response) => {
    sendPage(request, response, { title: "Jobs", section: "/jobs", content: html`<p></p>` });
  });
  return router;
}
