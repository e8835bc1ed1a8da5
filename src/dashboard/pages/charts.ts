import { type Request, Router } from "express";
import type { History, HistoryQuery, HistorySpan } from "../../client/index.ts";
import { historySpans } from "../../client/index.ts";
import { queueNames } from "../../task/definition.ts";
import { isEmpty, toFigures } from "../charts/figures.ts";
import { type Chart, charts } from "../charts/list.ts";
import { type Html, html } from "../html.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { Figure, Figures, Tabs } from "../ui.ts";

/** What happened over time: the figures, and charts that the browser draws from `/charts/data`. */
export function chartPages({ client }: DashboardParts): Router {
  const router = Router();

  router.get("/charts", async (request, response) => {
    const query = readQuery(request);
    const [history, tasks] = await Promise.all([client.history(query), client.tasks()]);
    sendPage(request, response, {
      title: "Charts",
      section: "/charts",
      content: html`<link rel="stylesheet" href="/assets/vendor/uplot.css" />
        <link rel="stylesheet" href="/assets/charts.css" />
        <script type="module" src="/assets/charts.js"></script>
        <${Filter} query=${query} tasks=${tasks.map(({ name }) => name)} />
        <${Charts} query=${query} history=${history} />`,
    });
  });

  router.get("/charts/data", async (request, response) => {
    const history = await client.history(readQuery(request));
    response.json({ ...history, figures: toFigures(history), empty: isEmpty(history) });
  });

  return router;
}

/** Fields of a form that were left empty are none. What is wrong is refused by the client. */
function readQuery(request: Request): HistoryQuery {
  const given = Object.entries(request.query).filter(([name, value]) => isField(name) && value !== "");
  return Object.fromEntries(given) as HistoryQuery;
}

function isField(name: string): boolean {
  return name === "span" || name === "queue" || name === "task";
}

const spanNames = { hour: "Hour", day: "Day", week: "Week" } as const;

function Filter({ query, tasks }: { query: HistoryQuery; tasks: readonly string[] }): Html {
  const { span: current = "hour", queue, task } = query;
  const tab = (span: HistorySpan) => ({
    path: `/charts?${new URLSearchParams({ ...query, span })}`,
    name: spanNames[span],
  });
  return html`<div>
    <${Tabs} label="Span" tabs=${historySpans.map(tab)} current=${tab(current).path} />
    <form method="get" action="/charts" class="filter">
      <input type="hidden" name="span" value=${current} />
      <label>
        Queue
        <select name="queue">
          <option value="">all</option>
          ${queueNames.map((name) => html`<option value=${name} selected=${name === queue}>${name}</option>`)}
        </select>
      </label>
      <label>
        Task
        <select name="task">
          <option value="">all</option>
          ${[...new Set([...tasks, ...(task === undefined ? [] : [task])])].map((name) => html`<option value=${name} selected=${name === task}>${name}</option>`)}
        </select>
      </label>
      <button type="submit">Show</button>
    </form>
  </div>`;
}

function Charts({ query, history }: { query: HistoryQuery; history: History }): Html {
  const { span = "hour", task } = query;
  const shown = charts.filter(({ byQueueOnly }) => task === undefined || !byQueueOnly);
  // The live stream says that time went on; the script asks for the figures anew.
  return html`<section
    id="charts"
    data-source=${`/charts/data?${new URLSearchParams({ ...query })}`}
    data-span=${span}
    hx-trigger="sse:workers"
  >
    <${Figures}>
      ${toFigures(history)
        .filter(({ id }) => task === undefined || (id !== "waiting" && id !== "age"))
        .map(
          ({ id, name, value, note }) =>
            html`<${Figure}
              name=${name}
              value=${html`<span data-figure=${id}>${value}</span>`}
              note=${html`<span data-figure=${`${id}-note`}>${note}</span>`}
            />`,
        )}
    </${Figures}>
    <p class="empty" id="no-history" hidden=${!isEmpty(history)}>
      Nothing happened within the last ${span}${task === undefined ? "" : ` to ${task}`}. Jobs that end are counted
      here some seconds later.
    </p>
    <div class="charts">${shown.map((chart) => html`<${ChartFrame} chart=${chart} />`)}</div>
    ${task !== undefined && html`<p class="muted">The backlog is counted by queue, not by task.</p>`}
    <p class="muted">
      Times are within 9 % of the exact ones. The last step has not ended.
    </p>
  </section>`;
}

/** An empty chart, and what its script needs to draw it; its figures come as a table as well. */
function ChartFrame({ chart }: { chart: Chart }): Html {
  const { id, title, about, kind, unit, series } = chart;
  return html`<figure class="chart card" data-chart=${JSON.stringify({ id, kind, unit, title, series })}>
    <figcaption>
      <h2>${title}</h2>
      <p class="muted">${about}.</p>
    </figcaption>
    <div class="plot" role="img" aria-label=${`${title}: ${about}. The table below it has the figures.`}></div>
    <ul class="legend">
      ${series.map(
        ({ name, colour }) =>
          html`<li><span class=${`swatch colour-${colour}`} aria-hidden="true"></span>${name}</li>`,
      )}
    </ul>
    <details>
      <summary>${title} as a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${`${title} as a table`}>
        <table>
          <thead>
            <tr>
              <th scope="col">From</th>
              ${series.map(({ name }) => html`<th scope="col">${name}</th>`)}
            </tr>
          </thead>
          <tbody></tbody>
        </table>
      </div>
    </details>
  </figure>`;
}
