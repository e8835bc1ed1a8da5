import type * as z from "zod";
import type { ErrorCode } from "../core/errors.ts";

/** What an API key may do: enqueue (tasks that fit its patterns), look, or change what goes on. */
export const scopes = ["enqueue", "read", "control"] as const;
export type Scope = (typeof scopes)[number];

/** One operation of the HTTP API: the server answers it, the SDK calls it, and the OpenAPI document tells of it. */
export interface Operation {
  /** One sentence. */
  readonly summary: string;
  readonly tag: string;
  readonly method: "get" | "post" | "put" | "delete";
  /** Under `/api/v1`, with parameters as in `/jobs/{id}`. */
  readonly path: string;
  /** Null: open to everybody. */
  readonly scope: Scope | null;
  readonly params?: z.ZodObject;
  /** Every value of a query is a text; schemas read them. */
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Of a good answer. */
  readonly status: 200 | 201 | 202 | 204;
  /** Of a good answer; absent: it has no body. */
  readonly answer?: z.ZodType;
  /** The answer is a stream of server-sent events, whose data are JSON of this. */
  readonly stream?: z.ZodType;
  /** Codes of errors besides those any operation may answer with. */
  readonly errors?: readonly ErrorCode[];
}

/** Keeps the schemas' own types, so that both sides are checked against them. */
export function operation<const O extends Operation>(definition: O): O {
  return definition;
}
