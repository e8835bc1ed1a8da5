import { type Request, type Response, Router } from "express";
import type { FoundJob, JobPage, WorkflowNode } from "../../client/index.ts";
import { isEnded } from "../../core/states.ts";
import { canvas } from "../../task/builtin.ts";
import type { Audit } from "../audit.ts";
import { type Html, html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { Timeline, toRows } from "../timeline.ts";
import { Ago, Figure, Figures, StateBadge, Table } from "../ui.ts";
import { placeOf } from "./job-place.ts";
import { jobPath } from "./job-table.ts";

const partSize = 50;

/** So many calls are drawn; more would make the page too heavy, and nobody reads them. */
const mostCalls = 1000;

export function workflowPages({ client }: DashboardParts, _audit: Audit): Router {
  const router = Router();

  router.get("/workflows", async (request, response) => {
    const cursor = request.query["cursor"];
    const tasks = await client.tasks();
    const names = tasks.filter(({ kind }) => kind === "workflow").map(({ name }) => name);
    const page = await client.search(
      { tasks: [...names, canvas.name] },
      { limit: partSize, ...(typeof cursor === "string" && cursor !== "" && { cursor }) },
    );
    showList(request, response, page);
  });

  router.get("/workflows/:queue/:id", async (request, response) => {
    const { id, queue } = placeOf(request);
    const tree = await client.workflow(id, { queue, maxCalls: mostCalls });
    showTree(request, response, tree);
  });

  return router;
}

function showList(request: Request, response: Response, page: JobPage): void {
  const { jobs, cursor, looked, total } = page;
  const live = typeof request.query["cursor"] !== "string" && {
    "hx-get": "/workflows",
    "hx-select": "#workflows",
    "hx-trigger": "sse:workflows throttle:2s",
    "hx-swap": "morph:outerHTML",
  };
  sendPage(request, response, {
    title: "Workflows",
    section: "/workflows",
    content: html`<section id="workflows" ...${live}>
      <${Table}
        caption="Workflows"
        head=${["Workflow", "State", "When", "Id", "Error"]}
        rows=${jobs.map((job) => html`<${Row} job=${job} />`)}
        empty=${cursor === null ? "No workflow is kept." : "No workflow among the jobs looked at so far."}
      />
      ${
        cursor !== null &&
        html`<p class="more">
          Looked at ${looked.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} jobs.${" "}
          <a class="button" rel="next" href=${`/workflows?${new URLSearchParams({ cursor })}`}>Look on</a>
        </p>`
      }
    </section>`,
  });
}

function Row({ job }: { job: FoundJob }): Html {
  const { id, queue, task, state, endedAt, startedAt, enqueuedAt, error } = job;
  const path = `/workflows/${queue}/${encodeURIComponent(id)}`;
  const [word, at] =
    endedAt !== null
      ? (["ended", endedAt] as const)
      : startedAt !== null
        ? (["started", startedAt] as const)
        : (["enqueued", enqueuedAt] as const);
  return html`<tr>
    <th scope="row"><a href=${path}>${task === canvas.name ? "composition" : task}</a></th>
    <td><${StateBadge} state=${state} /></td>
    <td>${word} <${Ago} at=${at} /></td>
    <td class="mono">${id}</td>
    <td class="excerpt">${error && html`<code class="fault">${error.code}</code> ${error.message}`}</td>
  </tr>`;
}

function showTree(request: Request, response: Response, tree: WorkflowNode): void {
  const { id, queue, name, state, counts, endedAt } = tree;
  const { rows, left } = toRows(tree, mostCalls + 1);
  const path = `/workflows/${queue}/${encodeURIComponent(id)}`;
  const live = !(isEnded(state) && endedAt !== undefined) && {
    "hx-get": path,
    "hx-select": "#workflow",
    "hx-trigger": `sse:workflows throttle:${rows.length > 200 ? "5s" : "1s"}`,
    "hx-swap": "morph:outerHTML",
  };
  sendPage(request, response, {
    title: name === canvas.name ? "Composition" : name,
    section: "/workflows",
    content: html`<section id="workflow" ...${live}>
      <p>
        <a class="mono" href=${jobPath(tree)}>${id}</a> <${StateBadge} state=${state} />
      </p>
      <${Figures}>
        <${Figure} name="Calls" value=${counts.calls} />
        <${Figure} name="Completed" value=${counts.completed} />
        <${Figure} name="Failed" value=${counts.failed} alarm=${counts.failed > 0} />
        <${Figure} name="Pending" value=${counts.pending} />
      <//>
      <p class="legend" aria-hidden="true">
        <span><i class="waits"></i> waits for a worker</span> <span><i class="runs state-active"></i> runs</span>
        <span><i class="runs state-waiting-children"></i> waits for its calls</span>
        <span><i class="runs state-completed"></i> completed</span> <span><i class="runs state-failed"></i> failed</span>
      </p>
      <${Timeline} rows=${rows} now=${Date.now()} />
      ${left > 0 && html`<p class="hint">${left.toLocaleString("en-US")} further calls are not drawn.</p>`}
    </section>`,
  });
}
