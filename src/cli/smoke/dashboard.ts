import { randomUUID } from "node:crypto";
import { LovageError } from "../../core/errors.ts";
import type { Check, Finding } from "./check.ts";
import type { Installation } from "./installation.ts";
import type { Answer, Site } from "./site.ts";

/**
 * A dashboard lets nobody in who has no password, and those in who have one. Each check has cookies of its own.
 * @param open visits the dashboard anew
 */
export function dashboardChecks(open: () => Site, login: Installation["login"]): Check[] {
  const entered = once(() => enter(open(), login));
  return [
    { name: "dashboard", run: () => visit(open()) },
    { name: "dashboard login", run: async () => (await entered()).finding },
    {
      name: "dashboard wrong password",
      // A failed login counts against the user's name; the login that follows takes that back.
      run: async () => {
        const { isIn } = await entered();
        const refused = await tryWrong(open(), isIn ? login.user : `smoke-${randomUUID()}`);
        if (isIn) await enter(open(), login);
        return refused;
      },
    },
  ];
}

async function visit(site: Site): Promise<Finding> {
  const page = await site.get("/");
  if (!isRedirect(page) || !page.location.startsWith("/login")) {
    return wrong(`without a login / answers ${page.status} instead of leading to the login`);
  }
  const form = await site.get("/login");
  if (form.status !== 200 || !form.body.includes('name="password"')) {
    return wrong(`/login answers ${form.status}, without a form for a password`);
  }
  const api = await site.get("/api/v1/tasks", "application/json");
  if (api.status !== 401) return wrong(`without a key the API answers ${api.status} instead of 401`);
  return { result: "ok", message: "it leads to the login, and the API answers 401 without a key" };
}

/** Logs in, looks at the overview, and logs out, so that no login is left behind. */
async function enter(
  site: Site,
  { user, password }: Installation["login"],
): Promise<{ isIn: boolean; finding: Finding }> {
  const out = (finding: Finding) => ({ isIn: false, finding });
  if (password === undefined) {
    const message = "there is no DASHBOARD_PASSWORD in the environment to log in with";
    return out({ result: "left-out", message });
  }
  const answer = await sendLogin(site, user, password);
  if (answer.status === 429) return out(throttled("nobody can be logged in"));
  if (answer.status === 401) {
    return out({
      result: "failed",
      message: `the dashboard refuses ${user} with the password in the environment`,
      hint: "DASHBOARD_USER and DASHBOARD_PASSWORD here are others than those it was started with; start it again",
    });
  }
  if (!isRedirect(answer)) return out(wrong(`the login of ${user} is answered ${answer.status}`));
  const overview = await site.get("/");
  const token = /<meta name="csrf-token" content="([^"]*)"/.exec(overview.body)?.[1] ?? "";
  await site.post("/logout", { _csrf: token }).catch(() => {});
  if (overview.status !== 200)
    return out(wrong(`${user} is logged in, and the overview answers ${overview.status}`));
  return { isIn: true, finding: { result: "ok", message: `${user} is let in, and the overview is shown` } };
}

async function tryWrong(site: Site, user: string): Promise<Finding> {
  const answer = await sendLogin(site, user, randomUUID());
  if (answer.status === 401) return { result: "ok", message: "it is refused" };
  if (answer.status === 429) return throttled("whether a wrong password is refused cannot be seen");
  return {
    result: "failed",
    message: `a login with a wrong password is answered ${answer.status} instead of 401`,
    hint: "take the dashboard off the network until that is understood",
  };
}

/** As the form does: it brings what the form's page gave it. */
async function sendLogin(site: Site, name: string, password: string): Promise<Answer> {
  const form = await site.get("/login");
  const hidden = [...form.body.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  const given = Object.fromEntries(hidden.map(([, field = "", value = ""]) => [field, value]));
  return site.post("/login", { ...given, name, password });
}

function isRedirect({ status }: Answer): boolean {
  return status >= 300 && status < 400;
}

function wrong(message: string): Finding {
  return {
    result: "failed",
    message,
    hint: "does another program answer there? the dashboard's log says more",
  };
}

function throttled(consequence: string): Finding {
  return {
    result: "warning",
    message: `too many logins failed within a quarter of an hour, so ${consequence}`,
    hint: "try again in 15 minutes; the dashboard's audit log names who tried",
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The checks of a dashboard that nobody named. */
export function noDashboard(): Check {
  const finding: Finding = { result: "left-out", message: "no dashboard was named: --dashboard URL" };
  return { name: "dashboard", run: async () => finding };
}

/** @throws LovageError `USAGE` for options that need one */
export function refuseWithoutDashboard(options: { ca?: string; insecure?: boolean }): void {
  if (options.ca === undefined && options.insecure !== true) return;
  throw new LovageError("USAGE", "--ca and --insecure say how to look at a dashboard's certificate", {
    hint: "name the dashboard as well: --dashboard https://127.0.0.1:5555",
  });
}
