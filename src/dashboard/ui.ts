import { formatMilliseconds } from "../core/durations.ts";
import { type Children, type Html, html } from "./html.ts";

/** A state, coloured and in words. */
export function StateBadge({ state }: { state: string }): Html {
  return html`<span class=${`state state-${state}`}>${state}</span>`;
}

/** How long ago, with the moment itself as the title. */
export function Ago({ at }: { at: Date | null | undefined }): Html {
  if (at === null || at === undefined) return html`<span class="none">–</span>`;
  const past = Date.now() - at.getTime();
  const text = past < 0 ? `in ${formatMilliseconds(-past)}` : `${formatMilliseconds(past)} ago`;
  return html`<time datetime=${at.toISOString()} title=${at.toISOString()}>${text}</time>`;
}

/** A figure with its name, for the head of a page. */
export function Figure(props: { name: string; value: Children; note?: string; alarm?: boolean }): Html {
  const { name, value, note, alarm = false } = props;
  return html`<div class=${alarm ? "figure alarm" : "figure"}>
    <dt>${name}</dt>
    <dd>${value}${note && html`<small>${note}</small>`}</dd>
  </div>`;
}

/** A table that scrolls by itself on a narrow screen. */
export function Table(props: { caption: string; head: Children[]; rows: Html[]; empty: string }): Html {
  const { caption, head, rows, empty } = props;
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${caption}>
    <table>
      <caption>${caption}</caption>
      <thead>
        <tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr>
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
}): Html {
  const { action, label, csrfToken, fields = {}, confirm, danger = false } = props;
  return html`<form class="inline" method="post" action=${action} data-confirm=${confirm}>
    <input type="hidden" name="_csrf" value=${csrfToken} />
    ${Object.entries(fields).map(
      ([name, value]) => html`<input type="hidden" name=${name} value=${value} />`,
    )}
    <button type="submit" class=${danger ? "danger" : undefined}>${label}</button>
  </form>`;
}
