import type { Request, RequestHandler } from "express";
import session from "express-session";
import { parseJson } from "../core/json.ts";
import type { Sessions } from "../queue/sessions.ts";
import type { Flash } from "./flash.ts";
import type { Users } from "./users.ts";

declare module "express-session" {
  interface SessionData {
    /** Who logged in, and the mark of the password it was by. */
    user?: { name: string; mark: string };
    flash?: Flash;
  }
}

export const sessionCookie = "lovage.sid";

/** The session of whoever asks. Nobody has one before the login, so that visitors leave nothing in Redis. */
export function createSessionMiddleware(options: {
  sessions: Sessions;
  secret: string;
  /** Milliseconds without use after which a login ends. */
  age: number;
}): RequestHandler {
  return session({
    name: sessionCookie,
    secret: options.secret,
    store: new RedisStore(options.sessions, options.age),
    resave: false,
    saveUninitialized: false,
    rolling: true,
    cookie: { httpOnly: true, sameSite: "lax", secure: "auto", maxAge: options.age },
  });
}

/** Who is logged in is looked up anew each time: a user who is gone, or has another role or password, is so at once. */
export function identify(users: Users): RequestHandler {
  return (request, _response, next) => {
    const viewer = viewerOf(users, request.session.user);
    if (viewer !== undefined) request.viewer = viewer;
    next();
  };
}

/** Whether the login by which a long request began still holds. */
export async function isLoggedIn(sessions: Sessions, users: Users, request: Request): Promise<boolean> {
  const stored = await sessions.read(request.sessionID);
  const data = parseJson(stored ?? "") as session.SessionData | undefined;
  return viewerOf(users, data?.user) !== undefined;
}

function viewerOf(users: Users, user: session.SessionData["user"]) {
  const known = user && users.find(user.name);
  return known?.mark === user?.mark && known ? { name: known.name, role: known.role } : undefined;
}

/** Requests that pages make by themselves: an open tab is no use of the login. */
export function isUnattended(request: Request): boolean {
  const path = request.originalUrl;
  const polls = request.method === "GET" && (path.startsWith("/live") || path.startsWith("/board/api/"));
  return polls || request.get("x-unattended") !== undefined;
}

class RedisStore extends session.Store {
  readonly #sessions: Sessions;
  readonly #age: number;

  constructor(sessions: Sessions, age: number) {
    super();
    this.#sessions = sessions;
    this.#age = age;
  }

  override get(id: string, done: (error: unknown, session?: session.SessionData | null) => void): void {
    this.#sessions.read(id).then(
      (json) => done(null, (parseJson(json ?? "") as session.SessionData | undefined) ?? null),
      (error) => done(error),
    );
  }

  override set(id: string, data: session.SessionData, done: (error?: unknown) => void = () => {}): void {
    this.#sessions.write(id, JSON.stringify(data), this.#age).then(() => done(), done);
  }

  override touch(id: string, data: session.SessionData, done: (error?: unknown) => void = () => {}): void {
    const { req } = data as session.SessionData & { req?: Request };
    if (req !== undefined && isUnattended(req)) done();
    else this.#sessions.touch(id, this.#age).then(() => done(), done);
  }

  override destroy(id: string, done: (error?: unknown) => void = () => {}): void {
    this.#sessions.remove(id).then(() => done(), done);
  }
}
