import type * as z from "zod";
import type { ErrorCode } from "../core/errors.ts";

/** What an API key may do: enqueue (tasks that fit its patterns), look, or change what goes on. */
export const scopes = ["enqueue", "read", "control"] as const;
export type Scope = (typeof scopes)[number];

/** The groups in which operations are shown. */
export const tags = {
  jobs: "Enqueue jobs, find them, follow them, cancel them",
  "dead letters": "Jobs that failed for good",
  tasks: "What can be enqueued, and its limits",
  queues: "The queues, and what waits in them",
  workers: "The workers, and what they are told",
  schedules: "Tasks that are enqueued again and again",
  service: "The service itself",
} as const;

/** One operation of the HTTP API: the server answers it, the SDK calls it, and the OpenAPI document tells of it. */
export interface Operation {
  /** One sentence. */
  readonly summary: string;
  /** What is worth knowing besides. */
  readonly description?: string;
  readonly tag: keyof typeof tags;
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
  /** Whether a request without a body is one with `{}`. */
  readonly bodyOptional?: true;
  /** Of a good answer. */
  readonly status: 200 | 201 | 204;
  /** Of a good answer; absent: it has no body. */
  readonly answer?: z.ZodType;
  /** Instead of `answer`, with the status 202: what was asked for is not there yet. */
  readonly pending?: z.ZodType;
  /** The answer is a stream of server-sent events, whose data are JSON of this, by event name; "message" has none. */
  readonly stream?: Readonly<Record<string, z.ZodType>>;
  /** Codes of errors besides those any operation may answer with. */
  readonly errors?: readonly ErrorCode[];
}

/** Keeps the schemas' own types, so that both sides are checked against them. */
export function operation<const O extends Operation>(definition: O): O {
  return definition;
}
