import { type Request, type Response, Router, urlencoded } from "express";
import type { LoginThrottle } from "../queue/login-throttle.ts";
import type { Audit } from "./audit.ts";
import { protectFromForgery, refuseOtherSites } from "./csrf.ts";
import { safePath } from "./gate.ts";
import { html } from "./html.ts";
import { sendPage } from "./page.ts";
import { sessionCookie } from "./sessions.ts";
import type { KnownUser, Users } from "./users.ts";

export interface LoginOptions {
  users: Users;
  throttle: LoginThrottle;
  audit: Audit;
  /** Called with the id of a session that ended. */
  onLogout: (sessionId: string) => void;
}

/** The way in and out. */
export function loginPages({ users, throttle, audit, onLogout }: LoginOptions): Router {
  const router = Router();

  router.get("/login", (request, response) => {
    const next = safePath(request.query["next"]);
    if (request.viewer !== undefined) return response.redirect(303, next);
    const ended = request.query["ended"] !== undefined;
    const remark = ended ? "Your login has ended. Log in again." : undefined;
    sendLogin(request, response, { next, name: "", remark });
  });

  // Before anybody is known: nothing large.
  router.post(
    "/login",
    refuseOtherSites,
    urlencoded({ extended: false, limit: "8kb" }),
    async (request, response) => {
      const { name, password, next } = readForm(request);
      const login = { address: request.ip ?? "", user: name };
      const target = name.slice(0, 64);
      const again = (status: number, remark: string) => {
        response.status(status);
        sendLogin(request, response, { next, name, remark });
      };

      const wait = await throttle.take(login);
      if (wait > 0) {
        await audit(request, { action: "login.throttled", target });
        const seconds = Math.ceil(wait / 1000);
        response.set("Retry-After", String(seconds));
        again(429, `Too many failed logins. Try again in ${Math.ceil(seconds / 60)} min.`);
        return;
      }
      const user = await users.check(name, password);
      if (user === undefined) {
        await audit(request, { action: "login.failed", target });
        again(401, "The name or the password is wrong.");
        return;
      }
      await throttle.succeed(login);
      await begin(request, user);
      await audit(request, { action: "login", target });
      response.redirect(303, next);
    },
  );

  router.post(
    "/logout",
    (request, response, next) => (request.viewer === undefined ? response.redirect(303, "/login") : next()),
    urlencoded({ extended: false, limit: "8kb" }),
    protectFromForgery,
    async (request, response) => {
      const { sessionID } = request;
      await audit(request, { action: "logout", target: request.viewer?.name ?? "" });
      await new Promise<void>((resolve, reject) =>
        request.session.destroy((error) => (error ? reject(error) : resolve())),
      );
      onLogout(sessionID);
      response.clearCookie(sessionCookie).redirect(303, "/login");
    },
  );

  return router;
}

/** A new session for each login: one that somebody planted before is worth nothing. */
async function begin(request: Request, { name, role, mark }: KnownUser): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    request.session.regenerate((error) => (error ? reject(error) : resolve())),
  );
  request.session.user = { name, mark };
  request.viewer = { name, role };
}

function readForm({ body }: Request) {
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return { name: text(body?.name), password: text(body?.password), next: safePath(body?.next) };
}

function sendLogin(
  request: Request,
  response: Response,
  { next, name, remark }: { next: string; name: string; remark: string | undefined },
): void {
  sendPage(request, response, {
    title: "Log in",
    section: "",
    content: html`<form class="login" method="post" action="/login">
      ${remark && html`<p class="flash failed" role="alert">${remark}</p>`}
      <input type="hidden" name="next" value=${next} />
      <label>
        Name
        <input name="name" value=${name} autocomplete="username" required autofocus=${name === ""} />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          autocomplete="current-password"
          required
          autofocus=${name !== ""}
        />
      </label>
      <button type="submit" class="primary">Log in</button>
    </form>`,
  });
}
