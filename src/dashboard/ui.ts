import { formatAgo } from "./assets/ago.js";
import { type Children, type Html, html } from "./html.ts";

/** A state, coloured and in words. */
export function StateBadge({ state }: { state: string }): Html {
  return html`<span class=${`state state-${state}`}>${state}</span>`;
}

/** A name or a code that may be broken after its dots and underscores, where there is no room for it in one line. */
export function Breakable({ text }: { text: string }): Html {
  return html`<span class="breakable">${text.split(/(?<=[._@~])/).flatMap((part) => [part, html`<wbr />`])}</span>`;
}

/** How long ago or hence, going on by itself, with the moment itself as the title. */
export function Ago({ at }: { at: Date | null | undefined }): Html {
  if (at === null || at === undefined) return html`<span class="none">–</span>`;
  const moment = at.toISOString();
  return html`<time data-ago datetime=${moment} title=${moment}>${formatAgo(Date.now() - at.getTime())}</time>`;
}

/** A part of a page with a heading, and what goes with it at the right. */
export function Card(props: { title: string; id?: string; beside?: Children; children?: Children }): Html {
  const { title, id, beside, children } = props;
  return html`<section class="card" id=${id}>
    <header><h2>${title}</h2>${beside}</header>
    ${children}
  </section>`;
}

/** Figures beside each other. */
export function Figures({ children }: { children?: Children }): Html {
  return html`<dl class="figures">${children}</dl>`;
}

/** A figure with its name, for the head of a page; within {@link Figures}. */
export function Figure(props: { name: string; value: Children; note?: Children; alarm?: boolean }): Html {
  const { name, value, note, alarm = false } = props;
  return html`<div class=${alarm ? "figure alarm" : "figure"}>
    <dt>${name}</dt>
    <dd>${value}${note && html`<small>${note}</small>`}</dd>
  </div>`;
}

/** Names and values of one thing; those without a value are left out. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: Children])[] }): Html {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`<dl class="facts">
    ${known.map(
      ([name, value]) => html`<dt>${name}</dt>
        <dd>${value}</dd>`,
    )}
  </dl>`;
}

/** A table that scrolls by itself on a narrow screen. */
export function Table(props: { caption: string; head: Children[]; rows: Html[]; empty: string }): Html {
  const { caption, head, rows, empty } = props;
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption>${caption}</caption>
      <thead>
        <tr>
          ${head.map((cell) =>
            cell === ""
              ? html`<th scope="col"><span class="hidden">Actions</span></th>`
              : html`<th scope="col">${cell}</th>`,
          )}
        </tr>
      </thead>
      <tbody>${rows}</tbody>
    </table>
  </div>`;
}

/** A button that does something, for those whose role allows it. Asks first where `confirm` says so. */
export function ActionButton(props: {
  action: string;
  label: string;
  csrfToken: string;
  fields?: Record<string, string>;
  confirm?: string;
  danger?: boolean;
  /** What it is for, where the label alone does not say it to who cannot see what it stands beside. */
  description?: string;
}): Html {
  const { action, label, csrfToken, fields = {}, confirm, danger = false, description } = props;
  return html`<form class="inline" method="post" action=${action} data-confirm=${confirm}>
    <${CsrfField} token=${csrfToken} />
    ${Object.entries(fields).map(
      ([name, value]) => html`<input type="hidden" name=${name} value=${value} />`,
    )}
    <button type="submit" class=${danger ? "danger" : undefined} aria-label=${description}>${label}</button>
  </form>`;
}

/** What each form of ours must send. */
export function CsrfField({ token }: { token: string }): Html {
  return html`<input type="hidden" name="_csrf" value=${token} />`;
}

/** Pages of one thing beside each other; `current` is the path of the one that is shown. */
export function Tabs(props: {
  label: string;
  tabs: readonly { path: string; name: string }[];
  current: string;
}): Html {
  const { label, tabs, current } = props;
  return html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(
      ({ path, name }) =>
        html`<a href=${path} aria-current=${path === current ? "page" : undefined}>${name}</a>`,
    )}
  </nav>`;
}

/** The way through a long list: back to its beginning, and on. */
export function Pager(props: { first?: string | undefined; next?: string | undefined }): Html | null {
  const { first, next } = props;
  if (first === undefined && next === undefined) return null;
  return html`<nav class="pager" aria-label="Parts of the list">
    ${first && html`<a class="button" href=${first}>First</a>`}
    ${next && html`<a class="button" href=${next} rel="next">Next</a>`}
  </nav>`;
}

/** A job by its task's short name and its id, leading to its own page. */
export function JobLink({ id, task, queue }: { id: string; task: string; queue: string }): Html {
  return html`<a href=${`/jobs/${queue}/${encodeURIComponent(id)}`} title=${task}>${task.split(".").at(-1)}</a>
    <small class="mono muted job-id" title=${id}>${id}</small>`;
}
