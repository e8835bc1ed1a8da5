import express, { type Request, type RequestHandler } from "express";
import * as z from "zod";
import type { Operation } from "../../contract/index.ts";
import { LovageError } from "../../core/errors.ts";
import { suggestion } from "../../core/suggestion.ts";
import { maxInputBytes } from "../../queue/producer.ts";
import { MalformedRequest } from "./problem.ts";

/** Besides the largest input there is its call. */
const maxBodyBytes = maxInputBytes + 64 * 1024;

/** Nothing that a task takes is deeper, and what walks through a value would run out of stack. */
const maxDepth = 100;

/** Reads the body of an operation that has one. */
export function bodyReader(operation: Operation): RequestHandler[] {
  if (operation.body === undefined) return [];
  const json = express.json({ limit: maxBodyBytes, strict: false, type: () => true });
  return [requireJson, json];
}

const requireJson: RequestHandler = (request, _response, next) => {
  if (!hasBody(request)) return next();
  if (request.is(["json", "+json"]) !== false) return next();
  next(
    new LovageError("MEDIA_TYPE_UNSUPPORTED", "the body is not JSON", {
      field: "content-type",
      value: request.get("content-type") ?? null,
      hint: "send it as Content-Type: application/json",
    }),
  );
};

function hasBody(request: Request): boolean {
  return request.get("transfer-encoding") !== undefined || Number(request.get("content-length") ?? 0) > 0;
}

/** What was asked, read by the operation's schemas. @throws LovageError `INPUT_INVALID` */
export function readRequest(operation: Operation, request: Request) {
  const { params, query, headers, body } = operation;
  return {
    params: params && read(params, request.params, ""),
    // Its own prototype would show `__proto__` and the like as given.
    query: query === undefined ? refuseQuery(request) : read(query, { ...request.query }, ""),
    headers: headers && read(headers, request.headers, ""),
    body: body && read(body, bodyOf(operation, request), "body"),
  };
}

function bodyOf(operation: Operation, request: Request): unknown {
  const given: unknown = request.body;
  if (given === undefined) {
    if (operation.bodyOptional === true) return {};
    throw new MalformedRequest("INPUT_INVALID", "the request has no body", {
      field: "body",
      hint: "send a JSON document",
    });
  }
  if (isTooDeep(given)) {
    throw new MalformedRequest("INPUT_INVALID", `the body is nested deeper than ${maxDepth}`, {
      field: "body",
    });
  }
  return given;
}

function refuseQuery(request: Request): undefined {
  const [name] = Object.keys(request.query);
  if (name === undefined) return undefined;
  throw new MalformedRequest("INPUT_INVALID", "this takes no parameters in its query", {
    field: name,
    hint: "leave them out",
  });
}

function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) return true;
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  return false;
}

function read<Schema extends z.ZodType>(schema: Schema, value: unknown, whole: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw toInvalid(schema, value, result.error, whole);
}

/** What does not fit the document is malformed; what only a rule beyond it refuses is not. */
function toInvalid(schema: z.ZodType, value: unknown, error: z.ZodError, whole: string): LovageError {
  const issues = error.issues.map(innermost);
  const [first] = issues;
  const path = first?.path ?? [];
  const unknown = first?.code === "unrecognized_keys" ? (first.keys[0] ?? "") : undefined;
  const field = [...path, ...(unknown === undefined ? [] : [unknown])].map(String).join(".") || whole;
  const near = unknown === undefined ? undefined : suggestion(unknown, namesAt(schema, path));
  const message = issues
    .slice(0, 5)
    .map((issue) => [issue.path.map(String).join("."), issue.message].filter(Boolean).join(": "))
    .join("; ");
  const details = {
    field,
    value: unknown === undefined ? valueAt(value, path) : undefined,
    hint: near === undefined ? "see /api/v1/docs" : `did you mean ${near}?`,
  };
  return issues.every(({ code }) => code === "custom")
    ? new LovageError("INPUT_INVALID", message, details)
    : new MalformedRequest("INPUT_INVALID", message, details);
}

/** Of a choice, what is wrong with the one that was meant: the one that got farthest. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const [best] = issue.errors
    .flatMap((issues) => issues.slice(0, 1).map(innermost))
    .sort(
      (one, other) =>
        other.path.length - one.path.length ||
        Number(other.code === "custom") - Number(one.code === "custom"),
    );
  return best === undefined ? issue : { ...best, path: [...issue.path, ...best.path] };
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}

/** The names of the fields that an object has at a place. */
function namesAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let inner: unknown = schema;
  for (const key of path) inner = shapeOf(inner)[key as string];
  return Object.keys(shapeOf(inner));
}

function shapeOf(schema: unknown): Record<string, unknown> {
  const plain = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  return plain instanceof z.ZodObject ? plain.shape : {};
}
