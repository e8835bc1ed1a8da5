import type * as z from "zod";
import { apiRoot } from "../../contract/index.ts";
import type { Operation } from "../../contract/operation.ts";
import { LovageError } from "../../core/errors.ts";

/** What an operation is called with, by its schemas. */
export type Given<O extends Operation> = Part<O, "params"> & Part<O, "query"> & BodyOf<O>;

type Part<O extends Operation, Name extends "params" | "query"> =
  O[Name] extends z.ZodType<infer Read> ? { [N in Name]: Loose<Read> } : unknown;
type BodyOf<O extends Operation> = O["body"] extends z.ZodType<infer Read> ? { body: Read } : unknown;
/** What is undefined is not sent. */
type Loose<Read> = { [Field in keyof Read]: Read[Field] | undefined };

interface AnyGiven {
  params?: Readonly<Record<string, unknown>>;
  query?: Readonly<Record<string, unknown>>;
  body?: unknown;
}

/** A request that can be sent again and again. */
export interface ApiRequest {
  readonly url: string;
  readonly method: string;
  readonly body: string | undefined;
  /** Whether the same request once more changes nothing. */
  readonly repeatable: boolean;
  /** What to do when there is no answer. */
  readonly hint: string | undefined;
}

/** @throws LovageError `INPUT_INVALID` for what JSON cannot hold */
export function createRequest(
  address: string,
  { method, path }: Operation,
  given: unknown,
  repeatable = method === "get" || method === "put",
): ApiRequest {
  const { params = {}, query = {}, body } = given as AnyGiven;
  const place = path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.append(name, toText(value));
  return {
    url: `${address}${apiRoot}${place}${search.size > 0 ? `?${search}` : ""}`,
    method: method.toUpperCase(),
    body: body === undefined ? undefined : toJson(body),
    repeatable,
    hint: repeatable ? undefined : "whether it was done is not known: look before it is called again",
  };
}

function toText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** @throws LovageError `INPUT_INVALID` for what JSON cannot hold */
export function toJson(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw new LovageError("INPUT_INVALID", "the call cannot be written as JSON", {
      field: "input",
      cause,
      hint: "leave out cycles and BigInts",
    });
  }
}
