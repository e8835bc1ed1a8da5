import { type Request, Router } from "express";
import type { LimitSwitch } from "../../client/index.ts";
import { LovageError } from "../../core/errors.ts";
import { readLimitOverrides } from "../../queue/limit-overrides.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import { html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import type { LimitedTask } from "../tasks/limits.ts";
import { LimitForms, TaskFacts, TaskTable, taskPath, WorkerTabs } from "../tasks/views.ts";
import { allows } from "../viewer.ts";

/** The tasks that workers published, and the limits that hold for them now. */
export function taskPages({ client, broker }: DashboardParts, audit: Audit): Router {
  const router = Router();

  async function readTasks(): Promise<LimitedTask[]> {
    const [tasks, overrides] = await Promise.all([client.tasks(), readLimitOverrides(broker)]);
    return tasks.map((task) => ({ task, set: overrides.get(task.name) ?? {} }));
  }

  router.get("/tasks", async (request, response) => {
    sendPage(request, response, {
      title: "Tasks and limits",
      section: "/workers",
      content: html`<${WorkerTabs} current="/tasks" />
        <section id="tasks" hx-get="/tasks" hx-select="#tasks" hx-trigger="sse:workers" hx-swap="morph:outerHTML">
          <${TaskTable} tasks=${await readTasks()} />
        </section>`,
    });
  });

  router.get("/tasks/:name", async (request, response) => {
    const { name } = request.params;
    const limited = (await readTasks()).find(({ task }) => task.name === name);
    if (limited === undefined) {
      const hint = "the page Tasks and limits lists those that workers published";
      throw new LovageError("TASK_UNKNOWN", `no task is named ${JSON.stringify(name)}`, {
        field: "task",
        value: name,
        hint,
      });
    }
    const mayAct = request.viewer !== undefined && allows(request.viewer, "operator");
    const csrfToken = response.locals["csrfToken"] ?? "";
    sendPage(request, response, {
      title: name,
      section: "/workers",
      content: html`<link rel="stylesheet" href="/assets/workers.css" />
        ${mayAct && html`<${LimitForms} limited=${limited} csrfToken=${csrfToken} />`}
        <${TaskFacts} limited=${limited} />`,
    });
  });

  router.post("/tasks/:name/rate", requireRole("operator"), async (request, response) => {
    const name = String(request.params["name"]);
    const rate = readSwitch(request) ?? field(request, "rate");
    await client.control.rateLimit(name, rate);
    await audit(request, { action: "task.rate-limit", target: name, details: { rate } });
    setFlash(request, "done", `The rate limit of ${name} is ${wordOf(rate)}.`);
    response.redirect(303, taskPath(name));
  });

  router.post("/tasks/:name/time", requireRole("operator"), async (request, response) => {
    const name = String(request.params["name"]);
    const [soft, hard] = [field(request, "soft"), field(request, "hard")];
    const limits = readSwitch(request) ?? { ...(soft && { soft }), ...(hard && { hard }) };
    await client.control.timeLimit(name, limits);
    await audit(request, { action: "task.time-limit", target: name, details: { limits } });
    const words = typeof limits === "string" ? wordOf(limits) : Object.values(limits).join(" and ");
    setFlash(request, "done", `The time limits of ${name} are ${words}.`);
    response.redirect(303, taskPath(name));
  });

  return router;
}

function field(request: Request, name: string): string {
  const value = request.body?.[name];
  return typeof value === "string" ? value.trim() : "";
}

function readSwitch(request: Request): LimitSwitch | undefined {
  const value = field(request, "switch");
  return value === "off" || value === "default" ? value : undefined;
}

function wordOf(limit: string): string {
  return limit === "default" ? "as defined" : limit;
}
