import { type Html, html } from "./html.ts";

/** A moment to the second, in UTC, as all moments of the server are. */
export function formatMoment(moment: Date): string {
  return `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export function Moment({ at }: { at: Date | null }): Html {
  if (at === null) return html`<span class="none">–</span>`;
  return html`<time class="nowrap" datetime=${at.toISOString()}>${formatMoment(at)}</time>`;
}
