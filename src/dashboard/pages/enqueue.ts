import { type Request, type Response, Router } from "express";
import type { EnqueueOptions, JobSnapshot } from "../../client/index.ts";
import { LovageError } from "../../core/errors.ts";
import type { TaskManifest } from "../../task/catalogue.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import { type Html, html } from "../html.ts";
import { parseField } from "../json-field.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { fieldsOf, fillFields, readInput, SchemaFields } from "../schema-form.ts";
import { CsrfField, Table } from "../ui.ts";
import { placeOf } from "./job-place.ts";
import { jobKey, jobPath } from "./job-table.ts";

interface Fault {
  field: string | undefined;
  text: string;
}

/** What a form holds: as typed, or taken from a job. */
interface Draft {
  task: TaskManifest;
  values: Record<string, unknown>;
  /** Whether the input is typed as JSON. */
  raw: boolean;
  fault?: Fault | undefined;
}

/** `/jobs/new`: a job is enqueued by a form that its task's schema makes. */
export function enqueuePages({ client }: DashboardParts, audit: Audit): Router {
  const router = Router();

  async function find(name: string): Promise<TaskManifest> {
    const task = (await client.tasks()).find((one) => one.name === name);
    if (task !== undefined) return task;
    throw new LovageError("TASK_UNKNOWN", `no task is named ${JSON.stringify(name)}`, {
      field: "task",
      hint: "choose one of the list; workers publish their tasks when they start",
    });
  }

  router.get("/jobs/new", requireRole("operator"), async (request, response) => {
    const { task: name, raw, from } = request.query as Record<string, string | undefined>;
    if (name === undefined) return showTasks(request, response, await client.tasks());
    const task = await find(name);
    const model = from === undefined ? undefined : await snapshotOf(from);
    showForm(request, response, draftOf(task, raw === "yes", model));
  });

  async function snapshotOf(key: string): Promise<JobSnapshot> {
    const colon = key.indexOf(":");
    const { id, queue } = placeOf({ params: { queue: key.slice(0, colon), id: key.slice(colon + 1) } });
    return (await client.get(id, { queue })).snapshot();
  }

  router.post("/jobs/new", requireRole("operator"), async (request, response) => {
    const body = (request.body ?? {}) as Record<string, unknown>;
    const task = await find(String(body["task"] ?? ""));
    const fields = fieldsOf(task.input);
    const raw = body["raw"] === "yes" || fields === undefined;
    try {
      const input = raw ? parseField("input", String(body["input"] ?? "")) : readInput(fields, body);
      const job = await client.enqueue(task.name, input, readOptions(body));
      await audit(request, { action: "job.enqueue", target: jobKey(job), details: { task: task.name } });
      setFlash(request, "done", "The job was enqueued.");
      response.redirect(303, jobPath(job));
    } catch (error) {
      if (!(error instanceof LovageError && ["INPUT_INVALID", "DATA_TOO_LARGE"].includes(error.code)))
        throw error;
      response.status(422);
      const text = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
      showForm(request, response, { task, values: body, raw, fault: { field: error.field, text } });
    }
  });
  return router;
}

function draftOf(task: TaskManifest, raw: boolean, model: JobSnapshot | undefined): Draft {
  const fields = fieldsOf(task.input);
  const filled = fields === undefined || model === undefined ? {} : fillFields(fields, model.input);
  const text = model === undefined ? "{}" : (JSON.stringify(model.input, undefined, 2) ?? "null");
  const tags = { tags: model?.tags.join(", ") ?? "" };
  if (raw || fields === undefined || filled === undefined)
    return { task, raw: true, values: { ...tags, input: text } };
  return { task, raw: false, values: { ...tags, ...filled } };
}

/** @throws LovageError `INPUT_INVALID` */
function readOptions(body: Record<string, unknown>): EnqueueOptions {
  const text = (name: string) => String(body[name] ?? "").trim();
  const tags = text("tags")
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
  return {
    ...(text("priority") !== "" && { priority: Number(text("priority")) }),
    ...(text("delay") !== "" && { delay: text("delay") }),
    ...(text("id") !== "" && { id: text("id") }),
    ...(tags.length > 0 && { tags }),
  };
}

function showTasks(request: Request, response: Response, tasks: readonly TaskManifest[]): void {
  const rows = tasks.map(
    ({ name, queue, kind, description }) => html`<tr>
      <th scope="row"><a href=${`/jobs/new?task=${encodeURIComponent(name)}`}>${name}</a></th>
      <td>${queue}</td>
      <td>${kind === "ray" ? "Ray" : kind}</td>
      <td>${description}</td>
    </tr>`,
  );
  sendPage(request, response, {
    title: "Enqueue a job",
    section: "/jobs",
    content: html`<${Table}
      caption="Tasks"
      head=${["Task", "Queue", "Kind", "What it does"]}
      rows=${rows}
      empty="No worker has published its tasks yet; start one."
    />`,
  });
}

/** Options whose faults are shown beside them. */
const optionNames = ["priority", "delay", "tags", "id"];

function showForm(request: Request, response: Response, draft: Draft): void {
  const { task, values, raw, fault } = draft;
  const fields = fieldsOf(task.input);
  const shown = fault?.field?.split(".")[0] ?? "";
  const placed = optionNames.includes(shown) || (raw ? true : fields?.some(({ name }) => name === shown));
  sendPage(request, response, {
    title: `Enqueue ${task.name}`,
    section: "/jobs",
    content: html`
      <p>${task.description}</p>
      <p class="muted">
        Queue ${task.queue}. <a href="/jobs/new">Another task</a>.${" "}
        ${
          fields !== undefined &&
          html`<a href=${`/jobs/new?${new URLSearchParams({ task: task.name, ...(!raw && { raw: "yes" }) })}`}
            >${raw ? "Fill in its fields" : "Type the input as JSON"}</a
          >.`
        }
      </p>
      <form class="stack" method="post" action="/jobs/new" novalidate>
        <${CsrfField} token=${response.locals["csrfToken"] ?? ""} />
        <input type="hidden" name="task" value=${task.name} />
        ${raw && html`<input type="hidden" name="raw" value="yes" />`}
        ${fault && !placed && html`<p class="fault" role="alert">${fault.text}</p>`}
        ${
          raw
            ? html`<${RawInput} value=${String(values["input"] ?? "")} fault=${optionNames.includes(shown) ? undefined : fault} />`
            : html`<${SchemaFields} fields=${fields ?? []} values=${values} fault=${fault} />`
        }
        <details open=${optionNames.some((name) => values[name] !== undefined && values[name] !== "")}>
          <summary>Options</summary>
          <div class="stack">
            <${Option} name="priority" label="Priority" hint="0, which is first, to 9" values=${values} fault=${fault} />
            <${Option} name="delay" label="Delay" hint="30s, 15m, 2h" values=${values} fault=${fault} />
            <${Option} name="tags" label="Tags" hint="separated by commas" values=${values} fault=${fault} />
            <${Option} name="id" label="Id" hint="made up when it is left out" values=${values} fault=${fault} />
          </div>
        </details>
        <button type="submit" class="primary">Enqueue</button>
      </form>
    `,
  });
}

function RawInput({ value, fault }: { value: string; fault: Fault | undefined }): Html {
  return html`<label>
    Input, as JSON
    <textarea
      name="input"
      rows="14"
      spellcheck=${false}
      ...${fault && { "aria-invalid": "true", "aria-describedby": "input-fault" }}
    >
${value}</textarea
    >
    ${fault && html`<span class="fault" id="input-fault" role="alert">${fault.text}</span>`}
  </label>`;
}

function Option(props: {
  name: string;
  label: string;
  hint: string;
  values: Record<string, unknown>;
  fault: Fault | undefined;
}): Html {
  const { name, label, hint, values, fault } = props;
  const wrong = fault?.field === name && fault;
  return html`<label>
    ${label}
    <input
      name=${name}
      value=${String(values[name] ?? "")}
      placeholder=${hint}
      autocomplete="off"
      ...${wrong && { "aria-invalid": "true", "aria-describedby": `fault-${name}` }}
    />
    ${wrong && html`<span class="fault" id=${`fault-${name}`} role="alert">${wrong.text}</span>`}
  </label>`;
}
