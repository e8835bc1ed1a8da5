import { type Request, Router } from "express";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import { html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { CreateForm, readCreateForm } from "../schedules/form.ts";
import { ScheduleFigures, ScheduleTable } from "../schedules/list.ts";
import { BackfillPreview, ScheduleControls, ScheduleFacts, ScheduleNow } from "../schedules/one.ts";
import { schedulePath } from "../schedules/words.ts";
import { allows } from "../viewer.ts";

/** How many of the next times a schedule's page shows. */
const nextTimes = 5;

export function schedulePages({ client }: DashboardParts, audit: Audit): Router {
  const router = Router();
  const { schedules } = client;
  const operator = requireRole("operator");
  const nameOf = (request: Request) => String(request.params["name"]);
  const acts = ({ viewer }: Request) => viewer !== undefined && allows(viewer, "operator");

  router.get("/schedules", async (request, response) => {
    const [list, tasks] = await Promise.all([schedules.list(), client.tasks()]);
    const csrfToken = response.locals["csrfToken"] ?? "";
    sendPage(request, response, {
      title: "Schedules",
      section: "/schedules",
      content: html`<link rel="stylesheet" href="/assets/workers.css" />
        <section
          id="schedules"
          hx-get="/schedules"
          hx-select="#schedules"
          hx-trigger="sse:schedules"
          hx-swap="morph:outerHTML"
        >
          <${ScheduleFigures} schedules=${list} />
          <${ScheduleTable} schedules=${list} acts=${acts(request)} csrfToken=${csrfToken} />
        </section>
        ${acts(request) && html`<${CreateForm} tasks=${tasks.map(({ name }) => name)} csrfToken=${csrfToken} />`}`,
    });
  });

  router.post("/schedules", operator, async (request, response) => {
    const { task, options } = readCreateForm(request.body ?? {});
    const made = await schedules.create(task, options);
    // An input may hold what is nobody else's business.
    const { input: _input, ...details } = options;
    await audit(request, { action: "schedule.create", target: made.name, details: { task, ...details } });
    setFlash(request, "done", `The schedule ${made.name} is made.`);
    response.redirect(303, schedulePath(made.name));
  });

  router.get("/schedules/:name", async (request, response) => {
    const name = nameOf(request);
    const [schedule, next] = await Promise.all([schedules.get(name), schedules.next(name, nextTimes)]);
    const csrfToken = response.locals["csrfToken"] ?? "";
    sendPage(request, response, {
      title: name,
      section: "/schedules",
      content: html`<link rel="stylesheet" href="/assets/workers.css" />
        <section
          id="schedule"
          hx-get=${schedulePath(name)}
          hx-select="#schedule"
          hx-trigger="sse:schedules"
          hx-swap="morph:outerHTML"
        >
          <${ScheduleNow} schedule=${schedule} next=${next} />
        </section>
        ${acts(request) && html`<${ScheduleControls} schedule=${schedule} csrfToken=${csrfToken} />`}
        <${ScheduleFacts} schedule=${schedule} />`,
    });
  });

  router.get("/schedules/:name/backfill", operator, async (request, response) => {
    const name = nameOf(request);
    const range = readRange(request.query);
    const times = await schedules.backfill(name, { ...toUtc(range), dryRun: true });
    sendPage(request, response, {
      title: "Backfill",
      section: "/schedules",
      content: html`<${BackfillPreview}
        name=${name}
        range=${range}
        times=${times}
        csrfToken=${response.locals["csrfToken"] ?? ""}
      />`,
    });
  });

  router.post("/schedules/:name/backfill", operator, async (request, response) => {
    const name = nameOf(request);
    const range = readRange(request.body ?? {});
    const times = await schedules.backfill(name, toUtc(range));
    const made = times.filter(({ existing }) => !existing).length;
    await audit(request, { action: "schedule.backfill", target: name, details: { ...range, made } });
    setFlash(request, "done", `${made} jobs of ${name} are made.`);
    response.redirect(303, schedulePath(name));
  });

  router.post("/schedules/:name/pause", operator, async (request, response) => {
    const name = nameOf(request);
    const note = String(request.body?.note ?? "")
      .trim()
      .slice(0, 200);
    const by = request.viewer?.name;
    await schedules.pause(name, { ...(by && { by }), ...(note && { note }) });
    await audit(request, { action: "schedule.pause", target: name, details: { note } });
    setFlash(request, "done", `${name} is paused.`);
    response.redirect(303, cameFrom(request, name));
  });

  router.post("/schedules/:name/resume", operator, async (request, response) => {
    const name = nameOf(request);
    await schedules.resume(name);
    await audit(request, { action: "schedule.resume", target: name });
    setFlash(request, "done", `${name} goes on.`);
    response.redirect(303, cameFrom(request, name));
  });

  router.post("/schedules/:name/run", operator, async (request, response) => {
    const name = nameOf(request);
    const job = await schedules.run(name);
    await audit(request, { action: "schedule.run", target: name, details: { job: job.id } });
    setFlash(request, "done", `${name} is run now, as job ${job.id}.`);
    response.redirect(303, cameFrom(request, name));
  });

  router.post("/schedules/:name/remove", operator, async (request, response) => {
    const name = nameOf(request);
    await schedules.remove(name);
    await audit(request, { action: "schedule.remove", target: name });
    setFlash(request, "done", `The schedule ${name} is removed.`);
    response.redirect(303, "/schedules");
  });

  return router;
}

/** The list has the same buttons as a schedule's own page: back to where it was pressed. */
function cameFrom(request: Request, name: string): string {
  const path = URL.parse(request.get("referer") ?? "")?.pathname;
  return path === schedulePath(name) ? path : "/schedules";
}

function readRange(fields: Readonly<Record<string, unknown>>): { from: string; to: string } {
  return { from: String(fields["from"] ?? ""), to: String(fields["to"] ?? "") };
}

/** Browsers send moments without a zone; they are meant in UTC, as all moments on the pages. */
function toUtc({ from, to }: { from: string; to: string }): { from: string; to: string } {
  const utc = (moment: string) => (/[zZ]$|[+-]\d\d:?\d\d$/.test(moment) ? moment : `${moment}Z`);
  return { from: utc(from), to: utc(to) };
}
