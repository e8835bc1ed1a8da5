// What pages need besides htmx: the CSRF token on its requests, news from the server, times that go on, the theme, the
// menu of a narrow window, and a question before what cannot be undone. Without it the pages still work; they stand still.
import { formatAgo } from "./ago.js";

const root = document.documentElement;
const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

if (window.Idiomorph) window.Idiomorph.defaults.ignoreActiveValue = true;

document.body.addEventListener("htmx:configRequest", ({ detail }) => {
  detail.headers["x-xsrf-token"] = token;
  // A page that refreshes itself is no use of the login: it still ends when nobody is there.
  if (detail.triggeringEvent?.type.startsWith("sse:")) detail.headers["x-unattended"] = "1";
});

document.addEventListener("submit", (event) => {
  const question = (event.submitter?.dataset.confirm ?? event.target.dataset.confirm) || "";
  if (question !== "" && !window.confirm(question)) event.preventDefault();
});

// News: `hx-trigger="sse:<topic>"` is fired on each element that asks for it. A hidden window listens to nothing:
// browsers allow few streams at once to one server, however many tabs are open.
const lamp = document.querySelector("[data-lamp]");
let stream;
let missed = false;

function listen() {
  if (lamp === null || document.hidden || stream !== undefined) return;
  stream = new EventSource("/live");
  stream.onopen = () => {
    show("live");
    if (missed) refresh("");
    missed = false;
  };
  stream.onerror = () => {
    show("lost");
    missed = true;
    if (stream?.readyState === EventSource.CLOSED) retry();
  };
  for (const topic of lamp.dataset.lamp.split(" ")) stream.addEventListener(topic, () => refresh(topic));
}

function refresh(topic) {
  for (const element of document.querySelectorAll(`[hx-trigger*="sse:${topic}"]`)) {
    const first = /sse:\w+/.exec(element.getAttribute("hx-trigger"))?.[0];
    element.dispatchEvent(new CustomEvent(topic === "" ? first : `sse:${topic}`));
  }
}

// The server refuses: the login has ended, or it is not there.
async function retry() {
  silence();
  const answer = await fetch("/live", { method: "HEAD" }).catch(() => undefined);
  const login = answer?.status === 401 ? answer.headers.get("hx-redirect") : null;
  if (login !== null && login !== undefined) {
    location.href = `/login?ended=1&next=${encodeURIComponent(location.pathname + location.search)}`;
  } else setTimeout(listen, 3000);
}

function silence() {
  stream?.close();
  stream = undefined;
}

function show(state) {
  lamp.className = `lamp ${state}`;
  lamp.textContent = state === "live" ? "Live" : "Reconnecting";
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    silence();
    missed = true;
  } else listen();
});
listen();

// Times go on by themselves.

setInterval(() => {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = formatAgo(Date.now() - Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}, 1000);

const themeButton = document.querySelector("[data-theme-button]");
themeButton?.addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

const menuButton = document.querySelector("[data-menu-button]");
menuButton?.addEventListener("click", () => {
  const open = menuButton.getAttribute("aria-expanded") !== "true";
  menuButton.setAttribute("aria-expanded", String(open));
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || menuButton?.getAttribute("aria-expanded") !== "true") return;
  menuButton.setAttribute("aria-expanded", "false");
  menuButton.focus();
});
