/**
 * Whether a process of Lovage lives, for a container's health check: `node healthcheck.mjs http://127.0.0.1:9101/livez`.
 * Exit code 0: it does; 1: it does not, and one line says why, which Docker keeps (`docker inspect`).
 * Docker starts it anew each time, so it is plain JavaScript and loads nothing of ours.
 */

/** Milliseconds for all of it. */
const timeout = 3000;

const [, , text = ""] = process.argv;
const url = URL.parse(text);
if (url === null || !/^https?:$/.test(url.protocol)) {
  end(`${JSON.stringify(text)} is no URL, such as http://127.0.0.1:9101/livez`);
}
setTimeout(
  () =>
    end(`no answer from ${url.origin} in ${timeout} ms: its event loop is blocked, or the machine is busy`),
  timeout,
);
const { get } = await import(url.protocol === "https:" ? "node:https" : "node:http");
// Of this very machine any certificate will do: nothing secret is sent, and one that ran out is no reason to start a
// process again that works.
const isLoopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(url.hostname);
get(url, { rejectUnauthorized: !isLoopback, agent: false }, read).on("error", ({ code, message }) =>
  end(`${url.origin} cannot be reached: ${message || code}`),
);

/** @param {import("node:http").IncomingMessage} response */
function read(response) {
  let body = "";
  response.setEncoding("utf8");
  response.on("data", (part) => {
    if (body.length < 10_000) body += part;
  });
  response.on("end", () => {
    if (response.statusCode === 200) process.exit(0);
    end(`${url.origin} says ${response.statusCode}: ${whyOf(body)}`);
  });
}

/** What is wrong, of the checks that the answer lists. */
function whyOf(body) {
  try {
    const failed = Object.entries(JSON.parse(body).checks).filter(([, { ok }]) => !ok);
    return failed.map(([name, { why }]) => `${name}: ${why}`).join("; ");
  } catch {
    return body.replaceAll(/\s+/g, " ").slice(0, 200) || "nothing more";
  }
}

function end(why) {
  console.log(why);
  process.exit(1);
}
