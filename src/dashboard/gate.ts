import type { Request, RequestHandler, Response } from "express";
import { LovageError } from "../core/errors.ts";
import { sessionCookie } from "./sessions.ts";

/** Lets only those through who are logged in: people are led to the login, programs are told 401. */
export const requireLogin: RequestHandler = (request, response, next) => {
  if (request.viewer !== undefined) return next();
  const target = wanted(request);
  const query = new URLSearchParams();
  if (target !== "/") query.set("next", target);
  if (request.get("cookie")?.includes(`${sessionCookie}=`)) query.set("ended", "1");
  const login = query.size === 0 ? "/login" : `/login?${query}`;
  // htmx follows this with the whole window.
  response.set("HX-Redirect", login);
  if (isPage(request)) return response.redirect(303, login);
  answerUnauthenticated(response);
};

function answerUnauthenticated(response: Response): void {
  const { code, message, hint } = new LovageError("UNAUTHENTICATED", "nobody is logged in", {
    hint: "log in at /login",
  });
  response.status(401).json({ code, message, hint });
}

/** Whether the answer is shown as the window's page. */
function isPage(request: Request): boolean {
  if (request.get("hx-request") !== undefined || request.path === "/live") return false;
  if (request.path.startsWith("/board/api/")) return false;
  const destination = request.get("sec-fetch-dest");
  if (destination !== undefined) return destination === "document";
  return request.accepts(["json", "html"]) === "html" || request.get("accept") === undefined;
}

/** The page to go on with after the login. */
function wanted(request: Request): string {
  if (request.method === "GET" && request.get("hx-request") === undefined) {
    return request.path === "/live" ? "/" : safePath(request.originalUrl);
  }
  // Of an action or a part of a page: the page it was on.
  const from = URL.parse(request.get("hx-current-url") ?? request.get("referer") ?? "");
  return from?.host === request.host ? safePath(from.pathname + from.search) : "/";
}

/** A path of this very site; anything else becomes the overview. */
export function safePath(text: unknown): string {
  if (typeof text !== "string" || !text.startsWith("/")) return "/";
  // Browsers read "//host" and "/\host" as another host, and drop tabs and line breaks.
  const url = URL.parse(text, "http://same.invalid");
  if (url === null || url.host !== "same.invalid" || url.pathname.startsWith("//")) return "/";
  return url.pathname + url.search;
}
