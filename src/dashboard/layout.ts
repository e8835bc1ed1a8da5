import type { Flash } from "./flash.ts";
import { type Children, type Html, html } from "./html.ts";
import { topics } from "./live.ts";
import { allows, type Role, type Viewer } from "./viewer.ts";

/** The pages in the navigation, and who finds them there. */
export const sections: readonly { path: string; name: string; role?: Role }[] = [
  { path: "/", name: "Overview" },
  { path: "/jobs", name: "Jobs" },
  { path: "/workflows", name: "Workflows" },
  { path: "/schedules", name: "Schedules" },
  { path: "/workers", name: "Workers" },
  { path: "/ray", name: "Ray" },
  { path: "/charts", name: "Charts" },
  { path: "/board", name: "Queues" },
  { path: "/api/v1/docs", name: "API" },
  { path: "/keys", name: "API keys", role: "admin" },
  { path: "/audit", name: "Audit log", role: "admin" },
];

export interface LayoutProps {
  title: string;
  section: string;
  content: Html | Children;
  viewer: Viewer | undefined;
  csrfToken: string;
  version: string;
  flash: Flash | undefined;
}

/** The frame of every page: navigation, who is logged in, live connection. */
export function Layout(props: LayoutProps): Html {
  const { title, content, viewer, csrfToken, version, flash } = props;
  return html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="robots" content="noindex" />
      <meta name="csrf-token" content=${csrfToken} />
      <meta
        name="htmx-config"
        content='{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true}'
      />
      <title>${title} · Lovage</title>
      <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
      <link rel="stylesheet" href="/assets/style.css" />
      <script src="/assets/theme.js"></script>
      <script src="/assets/vendor/htmx.min.js" defer></script>
      <script src="/assets/vendor/sse.js" defer></script>
      <script src="/assets/vendor/idiomorph-ext.min.js" defer></script>
      <script src="/assets/app.js" type="module"></script>
    </head>
    <body hx-ext="sse,morph" class=${viewer === undefined ? "bare" : undefined}>
      <a class="skip" href="#main">Skip to content</a>
      <header class="top">
        <a class="brand" href="/">Lovage</a>
        ${viewer && html`<${Navigation} ...${props} viewer=${viewer} />`}
      </header>
      <main id="main" tabindex="-1">
        <h1>${title}</h1>
        ${
          flash &&
          html`<p class=${`flash ${flash.kind}`} role=${flash.kind === "failed" ? "alert" : "status"}>
            ${flash.text}
          </p>`
        }
        ${content}
      </main>
      <footer>Lovage ${version}</footer>
    </body>
  </html>`;
}

function Navigation({ section, viewer, csrfToken }: LayoutProps & { viewer: Viewer }): Html {
  const shown = sections.filter(({ role = "viewer" }) => allows(viewer, role));
  return html`
    <button type="button" class="menu-button" data-menu-button aria-expanded="false">Menu</button>
    <nav aria-label="Pages">
      ${shown.map(
        ({ path, name }) =>
          html`<a href=${path} aria-current=${path === section ? "page" : undefined}>${name}</a>`,
      )}
    </nav>
    <div class="side">
      <div class="row">
        <span class="lamp" role="status" data-lamp=${topics.join(" ")}>Not live</span>
        <button type="button" class="quiet" data-theme-button>Light or dark</button>
      </div>
      <form class="who" method="post" action="/logout">
        <input type="hidden" name="_csrf" value=${csrfToken} />
        <span>${viewer.name} <small>${viewer.role}</small></span>
        <button type="submit">Log out</button>
      </form>
    </div>
  `;
}
