import { csrfSync } from "csrf-sync";
import type { Request, RequestHandler } from "express";
import { LovageError } from "../core/errors.ts";

const { generateToken, isRequestValid } = csrfSync({
  size: 32,
  getTokenFromRequest: (request) => request.get("x-xsrf-token") ?? request.body?._csrf,
});

/** The session's token is on every page, and what changes something must bring it: another site cannot know it. */
export const protectFromForgery: RequestHandler = (request, response, next) => {
  response.locals["csrfToken"] = generateToken(request);
  if (["GET", "HEAD", "OPTIONS"].includes(request.method) || isRequestValid(request)) return next();
  next(
    new LovageError("CSRF_INVALID", "the form was sent without the token of this login", {
      hint: "go back, load the page anew and try again",
    }),
  );
};

/**
 * Refuses a login that another site's page sends: nobody has a session before the login, so there is no token yet.
 * Browsers say where a form comes from; programs that say nothing forge nothing.
 */
export const refuseOtherSites: RequestHandler = (request, _response, next) => {
  const site = request.get("sec-fetch-site");
  const foreign =
    site === undefined ? isForeign(request, request.get("origin")) : !["same-origin", "none"].includes(site);
  if (!foreign) return next();
  next(
    new LovageError("CSRF_INVALID", "the login was sent by another site", {
      hint: "open the dashboard itself and log in there; behind a proxy, set DASHBOARD_TRUST_PROXY=true",
    }),
  );
};

function isForeign(request: Request, origin: string | undefined): boolean {
  return origin !== undefined && URL.parse(origin)?.host !== request.host;
}
