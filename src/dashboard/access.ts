import type { RequestHandler } from "express";
import { LovageError } from "../core/errors.ts";
import { allows, type Role, type Viewer } from "./viewer.ts";

declare module "express-serve-static-core" {
  interface Request {
    /** Who asks; set by the login's middleware before any page. */
    viewer?: Viewer;
  }
}

/** Lets only those through whose role allows it; before every action. */
export function requireRole(needed: Role): RequestHandler {
  return (request, _response, next) => {
    if (request.viewer !== undefined && allows(request.viewer, needed)) return next();
    next(
      new LovageError("FORBIDDEN", `this needs the role ${needed}`, {
        field: "role",
        value: request.viewer?.role ?? null,
        hint: `log in as ${needed === "admin" ? "an admin" : `an ${needed}`}`,
      }),
    );
  };
}
