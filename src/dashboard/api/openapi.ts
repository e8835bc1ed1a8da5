import * as z from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import { apiRoot, type Operation, operations, Problem, tags } from "../../contract/index.ts";
import { type ErrorCode, errorCodes } from "../../core/errors.ts";
import { statusOf } from "../http-status.ts";
import { type EnqueueExamples, enqueueExamples } from "./examples.ts";

/** The API as OpenAPI 3.1 has it, made from the contract that the server and the SDK live by. */
export function createOpenApi(version: string, examples = enqueueExamples([])) {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const [id, operation] of Object.entries(operations) as [string, Operation][]) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method]: toObject(id, operation, id === "enqueue" ? examples : undefined),
    };
  }
  return createDocument({
    openapi: "3.1.0",
    info: { title: "Lovage", version, description: about, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: apiRoot }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    security: [{ key: [] }],
    components: {
      // Named by the streams alone, whose data are texts to OpenAPI.
      schemas: Object.fromEntries(streamShapes().map((shape) => [nameOf(shape), shape])),
      securitySchemes: {
        key: {
          type: "http",
          scheme: "bearer",
          description: "An API key of `lovage keys create`. A browser that is logged in needs none.",
        },
      },
    },
    paths: paths as ZodOpenApiPathsObject,
  });
}

const about =
  "Enqueue jobs of the tasks that workers know, follow them, and change what goes on. Errors are problem details " +
  "(RFC 9457) with a stable `code`: match on that. Streams are server-sent events: after a cut a caller goes on with `Last-Event-ID`.";

function toObject(
  operationId: string,
  operation: Operation,
  examples: EnqueueExamples | undefined,
): ZodOpenApiOperationObject {
  const { summary, description, tag, scope, params, query, headers, body } = operation;
  const needs = scope === null ? undefined : `Needs the scope \`${scope}\`.`;
  return {
    operationId,
    summary,
    description: [description, needs].filter(Boolean).join("\n\n"),
    tags: [tag],
    ...(scope === null && { security: [] }),
    requestParams: {
      ...(params && { path: params }),
      ...(query && { query }),
      ...(headers && { header: headers }),
    },
    ...(body && {
      requestBody: {
        required: operation.bodyOptional !== true,
        content: { "application/json": { schema: body, ...(examples && { examples }) } },
      },
    }),
    responses: { ...goodAnswers(operation), ...badAnswers(operation) },
  };
}

const rateHeaders = {
  "RateLimit-Policy": z.string().meta({ description: "How many requests (`q`) in how many seconds (`w`)" }),
  RateLimit: z.string().meta({ description: "How many are left (`r`), and for how many seconds (`t`)" }),
};

function goodAnswers({ answer, pending, stream, status, scope, headers }: Operation) {
  const made = status === 201 ? { Location: z.string().optional() } : {};
  const replayed =
    headers !== undefined && "idempotency-key" in headers.shape
      ? {
          "Idempotent-Replayed": z
            .literal("true")
            .optional()
            .meta({ description: "The job is an earlier one" }),
        }
      : {};
  const answerHeaders = z.object({ ...(scope === null ? {} : rateHeaders), ...made, ...replayed });
  const json = (schema: z.ZodType) => ({ "application/json": { schema } });
  const good =
    stream === undefined
      ? { description: "It went well", ...(answer && { content: json(answer) }) }
      : {
          description: "Server-sent events",
          content: { "text/event-stream": { schema: eventOf(stream) } },
        };
  return {
    [status]: { ...good, headers: answerHeaders },
    ...(pending && {
      202: { description: "It is not there yet", content: json(pending), headers: answerHeaders },
    }),
  };
}

function streamShapes(): z.ZodType[] {
  const all = (Object.values(operations) as Operation[]).flatMap(({ stream = {} }) => Object.values(stream));
  return [...new Set(all)];
}

function nameOf(shape: z.ZodType): string {
  return shape.meta()?.id ?? "";
}

/** One event, as OpenAPI 3.2 has it: its data are a text that holds JSON. A failure in between is an event, too. */
function eventOf(stream: NonNullable<Operation["stream"]>): z.ZodType {
  const shapes = [...Object.values(stream).map(nameOf), "Problem"];
  const contentSchema = { anyOf: shapes.map((name) => ({ $ref: `#/components/schemas/${name}` })) };
  return z.looseObject({
    event: z
      .enum([...Object.keys(stream), "error"])
      .optional()
      .meta({ description: "Absent, which means `message`: what was asked for" }),
    id: z.string().optional().meta({ description: "To go on from: `Last-Event-ID`" }),
    data: z.string().meta({ override: { contentMediaType: "application/json", contentSchema } }),
  });
}

/** What any operation may be answered, and what its own codes add. */
function badAnswers({ scope, params, query, headers, body, errors = [], stream }: Operation) {
  const codes: [number, ErrorCode][] = [
    [406, "NOT_ACCEPTABLE"],
    [500, "UNEXPECTED"],
    [503, "REDIS_UNAVAILABLE"],
    [503, "REDIS_FULL"],
    ...errors.map((code): [number, ErrorCode] => [statusOf({ code }), code]),
  ];
  codes.push([400, "INPUT_INVALID"]);
  if (params || query || headers || body) codes.push([422, "INPUT_INVALID"]);
  if (body) codes.push([413, "DATA_TOO_LARGE"], [415, "MEDIA_TYPE_UNSUPPORTED"]);
  if (scope !== null) codes.push([401, "UNAUTHENTICATED"], [403, "FORBIDDEN"], [429, "RATE_LIMITED"]);
  if (scope !== null && scope !== "read") codes.push([403, "CSRF_INVALID"]);
  if (stream) codes.push([429, "RATE_LIMITED"]);
  const statuses = [...new Set(codes.map(([status]) => status))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const own = [...new Set(codes.flatMap(([other, code]) => (other === status ? [code] : [])))].sort();
      return [
        status,
        {
          description: own.map((code) => `\`${code}\`: ${errorCodes[code].meaning}`).join("\n\n"),
          content: { "application/problem+json": { schema: Problem } },
          ...(status === 401 && { headers: z.object({ "WWW-Authenticate": z.string() }) }),
          ...((status === 429 || status === 503) && {
            headers: z.object({ "Retry-After": z.string().meta({ description: "Seconds" }) }),
          }),
        },
      ];
    }),
  );
}
