import type { Request, RequestHandler } from "express";

/** What the next page says at its head, once. */
export interface Flash {
  kind: "done" | "failed";
  text: string;
}

/** Has the page that an action leads to say what became of it. */
export function setFlash(request: Request, kind: Flash["kind"], text: string): void {
  request.session.flash = { kind, text };
}

/** Hands what was said to the page that a person opens next; not to a part of it that refreshes itself. */
export const takeFlash: RequestHandler = (request, response, next) => {
  const { flash } = request.session;
  const opened = request.method === "GET" && request.get("hx-request") === undefined;
  if (flash !== undefined && opened && request.accepts("html") && !isPart(request)) {
    delete request.session.flash;
    response.locals["flash"] = flash;
  }
  next();
};

/** Paths under which no page of ours is. */
function isPart({ path }: Request): boolean {
  return path === "/live" || path.startsWith("/board") || path.startsWith("/assets/");
}
