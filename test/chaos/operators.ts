import { createApiKeys } from "../../src/queue/api-keys.ts";
import { freePort } from "../support/free-port.ts";
import { type LovageProcess, runLovage } from "../support/lovage-process.ts";
import type { ChaosWorld } from "./world.ts";

/** A dashboard in a process of its own, looked at as people and programs do. */
export interface Operators {
  /** An answer's status; 0 where there was none. Answers of 500 and more are remembered. */
  look(path: string): Promise<number>;
  /** Calls the HTTP API with a body as it is. */
  post(path: string, body: string): Promise<{ status: number; code: string; id: string }>;
  /** Runs a command; one that ends otherwise than commands do is remembered. */
  command(...args: string[]): Promise<void>;
  /** What went wrong. */
  readonly troubles: readonly string[];
  readonly dashboard: LovageProcess;
}

const password = "correct horse battery staple";

export async function startOperators(world: ChaosWorld): Promise<Operators> {
  const port = await freePort();
  const troubles: string[] = [];
  const dashboard = await world.start(["dashboard"], {
    DASHBOARD_PORT: String(port),
    DASHBOARD_PASSWORD: password,
  });
  const url = `http://127.0.0.1:${port}`;
  const made = await createApiKeys(world.broker).create({
    name: "chaos",
    scopes: ["enqueue", "read", "control"],
    createdBy: "chaos",
    rate: "100000/s",
  });
  const authorization = `Bearer ${made.token}`;
  const login = await fetch(`${url}/login`, {
    method: "POST",
    body: new URLSearchParams({ name: "admin", password }),
    redirect: "manual",
  });
  const cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  if (login.status !== 303) throw new Error(`the login was answered ${login.status}`);

  function note(what: string, status: number, text: string): void {
    if (status >= 500 || status === 0)
      troubles.push(`${what}: ${status} ${text.startsWith("<") ? "" : text.slice(0, 300)}`);
  }

  return {
    troubles,
    dashboard,
    async look(path) {
      const api = path.startsWith("/api/v1");
      const headers = api ? { authorization } : { cookie, accept: "text/html" };
      try {
        const signal = AbortSignal.timeout(30_000);
        const answer = await fetch(`${url}${path}`, { headers, redirect: "manual", signal });
        note(path, answer.status, await answer.text());
        return answer.status;
      } catch (error) {
        note(path, 0, String(error));
        return 0;
      }
    },
    async post(path, body) {
      const headers = { authorization, "content-type": "application/json" };
      const signal = AbortSignal.timeout(30_000);
      const answer = await fetch(`${url}/api/v1${path}`, { method: "POST", headers, body, signal });
      const text = await answer.text();
      note(`POST ${path}`, answer.status, text);
      const { code = "", id = "" } = JSON.parse(text) as { code?: string; id?: string };
      return { status: answer.status, code, id };
    },
    async command(...args) {
      const { PATH = "" } = process.env;
      const { code, stderr } = await runLovage(args, { PATH, ...world.environment });
      const crashed = code === null || /\n {4}at |TypeError|RangeError|SyntaxError/.test(stderr);
      if (crashed) troubles.push(`lovage ${args.join(" ").slice(0, 60)}: ${code} ${stderr.slice(0, 300)}`);
    },
  };
}
