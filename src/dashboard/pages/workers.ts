import { type Request, type Response, Router } from "express";
import type { Answers, WorkerView } from "../../client/index.ts";
import { LovageError } from "../../core/errors.ts";
import type { QueueName } from "../../task/definition.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import { html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { shareAnswer } from "../shared-answer.ts";
import { WorkerTabs } from "../tasks/views.ts";
import type { Viewer } from "../viewer.ts";
import { byWorker } from "../workers/active-jobs.ts";
import { QueueControls, WorkerActions } from "../workers/controls.ts";
import { WorkerFigures, WorkerTable, workerPath } from "../workers/list.ts";
import { WorkerFacts, WorkerNow, type WorkerSaid } from "../workers/one.ts";

/** How long workers may take to answer while a page waits for them. */
const patience = "300ms";

/** All who look at the workers share one question to them in so many milliseconds. */
const fresh = 1500;

export function workerPages({ client }: DashboardParts, audit: Audit): Router {
  const router = Router();
  const { inspect, control } = client;
  const activeJobs = shareAnswer(() => inspect.active({ timeout: patience }), fresh);

  router.get("/workers", async (request, response) => {
    const [workers, active] = await Promise.all([inspect.workers(), activeJobs()]);
    const acting = actingOf(request, response);
    sendPage(request, response, {
      title: "Workers",
      section: "/workers",
      // The live stream says that something changed; the page is asked for anew and this part of it is taken.
      content: html`<link rel="stylesheet" href="/assets/workers.css" />
        <${WorkerTabs} current="/workers" />
        <section
        id="workers"
        hx-get="/workers"
        hx-select="#workers"
        hx-trigger="sse:workers"
        hx-swap="morph:outerHTML"
      >
        <${WorkerFigures} workers=${workers} />
        <${WorkerTable}
          workers=${workers}
          active=${byWorker(active)}
          actions=${(worker: WorkerView) => html`<${WorkerActions} worker=${worker} ...${acting} />`}
        />
      </section>`,
    });
  });

  router.get("/workers/:name", async (request, response) => {
    const { name } = request.params;
    // A page that refreshes itself takes the living part only.
    const refreshes = request.get("hx-request") !== undefined;
    const [worker, said] = await Promise.all([findWorker(name), ask(name, refreshes)]);
    const acting = actingOf(request, response);
    sendPage(request, response, {
      title: name,
      section: "/workers",
      content: html`<link rel="stylesheet" href="/assets/workers.css" />
        <section
          id="worker"
          hx-get=${workerPath(name)}
          hx-select="#worker"
          hx-trigger="sse:workers"
          hx-swap="morph:outerHTML"
        >
          <${WorkerNow} worker=${worker} said=${said} />
          <${QueueControls} worker=${worker} ...${acting} />
        </section>
        ${!refreshes && html`<${WorkerFacts} worker=${worker} said=${said} />`}`,
    });
  });

  async function findWorker(name: string): Promise<WorkerView> {
    const workers = await inspect.workers();
    const worker = workers.find((candidate) => candidate.name === name);
    if (worker !== undefined) return worker;
    throw new LovageError("WORKER_UNKNOWN", `no worker is named ${JSON.stringify(name)}`, {
      field: "worker",
      value: name,
      hint: "one that stopped takes itself out of the list; a dead one is forgotten after an hour",
    });
  }

  async function ask(name: string, livingPartOnly: boolean): Promise<WorkerSaid> {
    const options = { workers: [name], timeout: patience };
    const once = async <T>(question: (asked: typeof options) => Promise<Answers<T>>) =>
      (await question(options)).answers[0]?.answer;
    const later = <T>(question: (asked: typeof options) => Promise<Answers<T>>) =>
      livingPartOnly ? undefined : once(question);
    const [stats, active, registered, conf, report] = await Promise.all([
      once(inspect.stats),
      once(inspect.active),
      later(inspect.registered),
      later(inspect.conf),
      later(inspect.report),
    ]);
    return { stats, active, registered, conf, report };
  }

  /** A route that asks one worker to do something, and tells what became of it on the page it leads to. */
  function act(
    path: string,
    role: "operator" | "admin",
    action: string,
    carryOut: (worker: string, queue: QueueName, request: Request) => Promise<Answers<unknown>>,
    done: (queue: string) => string,
    leadsTo: (worker: string) => string = workerPath,
  ): void {
    router.post(`/workers/:name/${path}`, requireRole(role), async (request, response) => {
      const name = String(request.params["name"]);
      const queue = String(request.params["queue"] ?? request.body?.queue ?? "") as QueueName;
      requireAnswer(name, await carryOut(name, queue, request));
      const details = { ...(queue && { queue }), ...readConcurrency(request) };
      await audit(request, { action, target: name, details });
      setFlash(request, "done", `${name} ${done(queue)}.`);
      response.redirect(303, leadsTo(name));
    });
  }

  const toOne = (worker: string) => ({ workers: [worker], timeout: "2s" });
  act(
    "shutdown",
    "admin",
    "worker.shutdown",
    (worker) => control.shutdown(toOne(worker)),
    () => "was told to stop",
    () => "/workers",
  );
  act(
    "queues",
    "admin",
    "worker.add-queue",
    (worker, queue, request) => control.addQueue(queue, { ...toOne(worker), ...readConcurrency(request) }),
    (queue) => `now takes jobs of ${queue}`,
  );
  act(
    "queues/:queue/remove",
    "admin",
    "worker.remove-queue",
    (worker, queue) => control.removeQueue(queue, toOne(worker)),
    (queue) => `takes no more jobs of ${queue}`,
  );
  act(
    "queues/:queue/pause",
    "operator",
    "worker.pause",
    (worker, queue) => control.pauseWorkers({ ...toOne(worker), queue }),
    (queue) => `takes no jobs of ${queue} until it is resumed`,
  );
  act(
    "queues/:queue/resume",
    "operator",
    "worker.resume",
    (worker, queue) => control.resumeWorkers({ ...toOne(worker), queue }),
    (queue) => `takes jobs of ${queue} again`,
  );
  act(
    "queues/:queue/concurrency",
    "operator",
    "worker.concurrency",
    (worker, queue, request) =>
      control.concurrency(readConcurrency(request).concurrency ?? Number.NaN, { ...toOne(worker), queue }),
    (queue) => `has another concurrency for ${queue}`,
  );

  router.post("/workers/:name/forget", requireRole("admin"), async (request, response) => {
    const name = String(request.params["name"]);
    await control.forget(name);
    await audit(request, { action: "worker.forget", target: name });
    setFlash(request, "done", `${name} is forgotten.`);
    response.redirect(303, "/workers");
  });

  return router;
}

function actingOf(request: Request, response: Response): { viewer: Viewer; csrfToken: string } {
  const viewer = request.viewer ?? { name: "", role: "viewer" };
  return { viewer, csrfToken: response.locals["csrfToken"] ?? "" };
}

/** Left empty: none. What is no number is refused by whoever is asked. */
function readConcurrency(request: Request): { concurrency?: number } {
  const text = request.body?.concurrency;
  return typeof text === "string" && text !== "" ? { concurrency: Number(text) } : {};
}

function requireAnswer(name: string, { answers, refusals, dead }: Answers<unknown>): void {
  if (answers.length > 0) return;
  const [refusal] = refusals;
  if (refusal !== undefined) throw LovageError.fromRecord(refusal.error);
  throw new LovageError(
    "DEADLINE_EXCEEDED",
    `${name} ${dead.length > 0 ? "is dead" : "did not answer in time"}`,
    {
      field: "worker",
      value: name,
      hint: "look at its state on the page Workers; what was asked may still happen when it wakes up within two seconds",
    },
  );
}
