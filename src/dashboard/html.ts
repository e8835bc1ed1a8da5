import { html as markup } from "htm/preact";
import type { ComponentChildren, VNode } from "preact";
import { renderToString } from "preact-render-to-string";

/** What a component gives: text in it is escaped. */
export type Html = VNode;
export type Children = ComponentChildren;

/** Markup with components and escaping, without a build step: html`<p class=${name}>${text}</p>`. */
export const html = markup;

export function renderDocument(document: Html): string {
  return `<!doctype html>${renderToString(document)}`;
}
