import type { WorkflowNode } from "../client/index.ts";
import { formatMilliseconds } from "../core/durations.ts";
import { isEnded } from "../core/states.ts";
import { type Html, html } from "./html.ts";
import { jobPath } from "./pages/job-table.ts";
import { StateBadge } from "./ui.ts";

/** A call in the order of the tree, as it is drawn. */
export interface TimelineRow {
  node: WorkflowNode;
  depth: number;
  /** How many more calls the one before it made than are known. */
  hidden: number;
}

/** The tree as rows, so many at most; what a workflow called follows it. */
export function toRows(root: WorkflowNode, most: number): { rows: TimelineRow[]; left: number } {
  const rows: TimelineRow[] = [];
  let left = 0;
  const add = (node: WorkflowNode, depth: number): void => {
    if (rows.length === most) left += 1;
    else rows.push({ node, depth, hidden: node.counts.calls - node.calls.length });
    for (const call of node.calls) add(call, depth + 1);
  };
  add(root, 0);
  return { rows, left };
}

/** A workflow and its calls over time: when each waited and when it ran, by its state's colour and in words. */
export function Timeline({ rows, now }: { rows: readonly TimelineRow[]; now: number }): Html {
  // Of a step, and of a job that was removed, no times are known.
  const timed = rows.flatMap(({ node }) => (node.enqueuedAt === undefined ? [] : [node]));
  const start = Math.min(...timed.map(({ enqueuedAt }) => enqueuedAt?.getTime() ?? now));
  const span = Math.max(1, Math.max(...timed.map((node) => endOf(node, now))) - start);
  const share = (time: number) => `${Math.min(100, Math.max(0, ((time - start) / span) * 100)).toFixed(2)}%`;
  return html`<div class="timeline" role="region" aria-label="Timeline" tabindex="0">
    <div class="scale" aria-hidden="true">
      ${[0, 0.25, 0.5, 0.75, 1].map((part) => html`<span style=${`left:${part * 100}%`}>${formatMilliseconds(part * span)}</span>`)}
    </div>
    <ol>
      ${rows.map((row) => html`<${Row} row=${row} now=${now} share=${share} />`)}
    </ol>
  </div>`;
}

function Row({ row, now, share }: { row: TimelineRow; now: number; share: (time: number) => string }): Html {
  const { node, depth, hidden } = row;
  const { state, attempt, attempts, error } = node;
  return html`<li id=${`call-${node.id}`}>
    <div class="call" style=${`--depth:${Math.min(depth, 8)}`}>
      <${Name} node=${node} />
      <${StateBadge} state=${state} />
      ${attempt > 1 && html`<span class="muted">attempt ${attempt} of ${attempts}</span>`}
    </div>
    <div class="track">
      <${Bars} node=${node} now=${now} share=${share} />
      <span class="said">${timesOf(node, now)}</span>
    </div>
    ${error && html`<p class="why"><code class="fault">${error.code}</code> ${error.message}</p>`}
    ${hidden > 0 && html`<p class="why muted">… ${hidden} more ${hidden === 1 ? "call" : "calls"} of it ${hidden === 1 ? "is" : "are"} not shown</p>`}
  </li>`;
}

function Name({ node }: { node: WorkflowNode }): Html {
  const { kind, name, id, queue } = node;
  const text =
    kind === "sleep" ? `sleep ${formatMilliseconds(Number(name))}` : kind === "step" ? `step ${name}` : name;
  const place = id.lastIndexOf("~");
  const short = place > 0 ? id.slice(place) : "";
  const gone = kind === "step" || queue === "" || node.enqueuedAt === undefined;
  return html`<span class="name">
    ${gone ? text : html`<a href=${jobPath({ queue, id })}>${text}</a>`}${" "}
    ${short !== "" && html`<small class="mono muted">${short}</small>`}
  </span>`;
}

/** What was waited for a worker is pale; what ran, or still runs, has the colour of the state. */
function Bars({
  node,
  now,
  share,
}: {
  node: WorkflowNode;
  now: number;
  share: (time: number) => string;
}): Html | null {
  const { enqueuedAt, startedAt, state, kind } = node;
  if (enqueuedAt === undefined) return null;
  const from = enqueuedAt.getTime();
  const end = endOf(node, now);
  // A sleep is nothing but waiting.
  const begun = kind === "sleep" ? from : (startedAt?.getTime() ?? end);
  const place = (one: number, other: number) =>
    `left:${share(one)};width:calc(${share(Math.max(one, other))} - ${share(one)})`;
  return html`<span aria-hidden="true">
    <i class="waits" style=${place(from, begun)}></i>
    ${(startedAt !== undefined || kind === "sleep") && html`<i class=${`runs state-${state}`} style=${place(begun, end)}></i>`}
  </span>`;
}

function endOf({ endedAt, startedAt, enqueuedAt, state }: WorkflowNode, now: number): number {
  if (endedAt !== undefined) return endedAt.getTime();
  return isEnded(state) ? ((startedAt ?? enqueuedAt)?.getTime() ?? now) : now;
}

function timesOf(node: WorkflowNode, now: number): string {
  const { kind, enqueuedAt, startedAt, state } = node;
  if (enqueuedAt === undefined) return "";
  const length = (from: number, to: number) => formatMilliseconds(Math.max(0, to - from));
  const end = endOf(node, now);
  if (kind === "sleep") return length(enqueuedAt.getTime(), end);
  if (startedAt === undefined) return isEnded(state) ? "" : `waits ${length(enqueuedAt.getTime(), now)}`;
  const waited = startedAt.getTime() - enqueuedAt.getTime();
  const verb = isEnded(state) ? "ran" : "runs";
  const before = waited >= 1000 ? `, waited ${formatMilliseconds(waited)}` : "";
  return `${verb} ${length(startedAt.getTime(), end)}${before}`;
}
