import { type Children, type Html, html } from "./html.ts";
import type { Viewer } from "./viewer.ts";

/** The pages in the navigation. */
export const sections = [
  { path: "/", name: "Overview" },
  { path: "/jobs", name: "Jobs" },
  { path: "/workflows", name: "Workflows" },
  { path: "/schedules", name: "Schedules" },
  { path: "/workers", name: "Workers" },
  { path: "/ray", name: "Ray" },
  { path: "/charts", name: "Charts" },
  { path: "/board", name: "Queues" },
] as const;

export interface LayoutProps {
  title: string;
  section: string;
  content: Html | Children;
  viewer: Viewer | undefined;
  csrfToken: string;
  version: string;
  flash: { kind: "done" | "failed"; text: string } | undefined;
}

/** The frame of every page: navigation, who is logged in, live connection. */
export function Layout(props: LayoutProps): Html {
  const { title, section, content, viewer, csrfToken, version, flash } = props;
  return html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="csrf-token" content=${csrfToken} />
      <meta
        name="htmx-config"
        content='{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true}'
      />
      <title>${title} · Lovage</title>
      <link rel="stylesheet" href="/assets/style.css" />
      <script src="/assets/vendor/htmx.min.js" defer></script>
      <script src="/assets/vendor/sse.js" defer></script>
      <script src="/assets/vendor/idiomorph-ext.min.js" defer></script>
      <script src="/assets/app.js" type="module"></script>
    </head>
    <body hx-ext="sse,morph" sse-connect=${viewer === undefined ? undefined : "/live"}>
      <a class="skip" href="#main">Skip to content</a>
      <header class="top">
        <a class="brand" href="/">Lovage</a>
        <nav aria-label="Pages">
          ${sections.map(
            ({ path, name }) =>
              html`<a href=${path} aria-current=${path === section ? "page" : undefined}>${name}</a>`,
          )}
        </nav>
        ${
          viewer &&
          html`<form class="who" method="post" action="/logout">
            <input type="hidden" name="_csrf" value=${csrfToken} />
            <span>${viewer.name} <small>${viewer.role}</small></span>
            <button type="submit">Log out</button>
          </form>`
        }
      </header>
      <main id="main" tabindex="-1">
        <h1>${title}</h1>
        ${flash && html`<p class=${`flash ${flash.kind}`} role="status">${flash.text}</p>`} ${content}
      </main>
      <footer>Lovage ${version}</footer>
    </body>
  </html>`;
}
