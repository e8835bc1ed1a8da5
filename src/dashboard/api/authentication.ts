import type { Request, RequestHandler, Response } from "express";
import type { Scope } from "../../contract/index.ts";
import { LovageError } from "../../core/errors.ts";
import { createApiKeyCheck } from "../../queue/api-keys.ts";
import { createApiThrottle } from "../../queue/api-throttle.ts";
import type { Broker } from "../../queue/broker.ts";
import { withDeadline } from "../../queue/connection.ts";
import { protectFromForgery } from "../csrf.ts";
import { type Caller, keyCaller, viewerCaller } from "./caller.ts";
import { TooManyRequests } from "./problem.ts";

/** How long Redis may take to tell who a caller is, in milliseconds. */
const patience = 5000;

/**
 * Finds out who asks: the owner of an API key, or who is logged in; the latter must bring the login's token with what
 * changes something. Then counts the request.
 * @param session what knows who is logged in
 */
export function authenticate(broker: Broker, session: readonly RequestHandler[]): RequestHandler[] {
  const keys = createApiKeyCheck(broker);
  const throttle = createApiThrottle(broker);
  const inTime = <T>(answer: Promise<T>) => withDeadline(answer, patience, broker.address);

  const byKey: RequestHandler = async (request, response, next) => {
    const token = /^Bearer +(\S+)$/i.exec(request.get("authorization") ?? "")?.[1];
    if (token === undefined) return next();
    const key = await inTime(keys.find(token));
    if (key === undefined) {
      throw new LovageError("UNAUTHENTICATED", "this API key is none, was revoked or has expired", {
        hint: "make one: lovage keys create NAME --scope read",
      });
    }
    const caller = keyCaller(key);
    // For the audit log; a key has no role, and pages never see it.
    request.viewer = { name: caller.name, role: "viewer" };
    response.locals["caller"] = caller;
    next();
  };

  const byLogin: RequestHandler = (request, response, next) => {
    if (response.locals["caller"] !== undefined) return next();
    if (request.viewer === undefined) {
      throw new LovageError("UNAUTHENTICATED", "nobody is logged in, and there is no API key", {
        hint: "send Authorization: Bearer and a key of lovage keys create NAME --scope read",
      });
    }
    response.locals["caller"] = viewerCaller(request.viewer);
    return protectFromForgery(request, response, next);
  };

  const count: RequestHandler = async (_request, response, next) => {
    const { id, rate } = callerOf(response);
    const { allowed, limit, window, remaining, reset } = await inTime(throttle.take(id, rate));
    response.set("RateLimit-Policy", `"caller";q=${limit};w=${window}`);
    response.set("RateLimit", `"caller";r=${remaining};t=${reset}`);
    if (allowed) return next();
    throw new TooManyRequests(`more than ${limit} requests in ${window} s`, reset, `come back in ${reset} s`);
  };

  const withoutKey =
    (handler: RequestHandler): RequestHandler =>
    (request, response, next) =>
      response.locals["caller"] === undefined ? handler(request, response, next) : next();

  return [byKey, ...session.map(withoutKey), byLogin, count];
}

export function callerOf(response: Response): Caller {
  return response.locals["caller"];
}

export function requireScope(scope: Scope): RequestHandler {
  return (_request, response, next) => {
    callerOf(response).require(scope);
    next();
  };
}

/** @throws LovageError `NOT_ACCEPTABLE` */
export function requireAccept(type: string): RequestHandler {
  return (request: Request, _response, next) => {
    if (request.accepts(type) !== false) return next();
    throw new LovageError("NOT_ACCEPTABLE", `the answer is ${type}`, {
      field: "accept",
      value: request.get("accept") ?? null,
      hint: `send Accept: ${type}, or leave it out`,
    });
  };
}
