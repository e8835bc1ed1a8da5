import type * as z from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import { type Operation, operations } from "../../contract/index.ts";

export function createOpenApi(version: string) {
  const paths: Record<string, any> = {};
  for (const [operationId, op] of Object.entries(operations) as [string, Operation][]) {
    const o: any = { operationId, summary: op.summary, requestParams: {}, responses: {} };
    if (op.params) o.requestParams.path = op.params;
    if (op.query) o.requestParams.query = op.query;
    if (op.headers) o.requestParams.header = op.headers;
    if (op.body) o.requestBody = { content: { "application/json": { schema: op.body } } };
    o.responses[op.status] = {
      description: "ok",
      ...(op.answer && { content: { "application/json": { schema: op.answer } } }),
    };
    (paths[op.path] ??= {})[op.method] = o;
  }
  return createDocument({ openapi: "3.1.0", info: { title: "x", version }, paths });
}
console.log(JSON.stringify(createOpenApi("1"), null, 1));
