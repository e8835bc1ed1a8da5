import { afterAll, beforeAll, expect, test } from "vitest";
import { operations } from "../../../src/contract/index.ts";
import { errorCodes } from "../../../src/core/errors.ts";
import { enqueueExamples } from "../../../src/dashboard/api/examples.ts";
import { createOpenApi } from "../../../src/dashboard/api/openapi.ts";
import { statusOf } from "../../../src/dashboard/http-status.ts";
import { describeTask } from "../../../src/task/catalogue.ts";
import { catalogue } from "../../../tasks/index.ts";
import { apiCaller } from "../../support/api.ts";
import { createDashboardWorld, type DashboardWorld } from "../../support/dashboard-world.ts";

interface Told {
  operationId: string;
  security?: unknown[];
  parameters?: { name: string; in: string; schema: object }[];
  requestBody?: {
    content: Record<string, { schema: object; examples?: Record<string, { value: unknown }> }>;
  };
  responses: Record<string, { description: string; content?: object; headers?: object }>;
}

const document = createOpenApi("1.2.3", enqueueExamples(catalogue.tasks.map(describeTask)));
const told = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, said]) => ({ path, method, ...(said as unknown as Told) })),
);

let world: DashboardWorld;

beforeAll(async () => {
  world = await createDashboardWorld();
});

afterAll(() => world.close());

test("every operation is told, and no other", () => {
  const expected = Object.entries(operations).map(([id, { path, method }]) => `${id} ${method} ${path}`);
  expect(told.map(({ operationId, path, method }) => `${operationId} ${method} ${path}`).toSorted()).toEqual(
    expected.toSorted(),
  );
});

test("every code that an operation may answer with is told under its status", () => {
  for (const [id, { errors }] of Object.entries(operations) as [string, { errors?: readonly string[] }][]) {
    const { responses } = told.find(({ operationId }) => operationId === id) as Told;
    for (const code of [...(errors ?? []), "UNEXPECTED", "REDIS_UNAVAILABLE"]) {
      expect([id, code, responses[statusOf({ code })]?.description]).toEqual([
        id,
        code,
        expect.stringContaining(`\`${code}\``),
      ]);
    }
  }
  const codes = [...JSON.stringify(document).matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(100);
  expect(codes.filter((code) => !Object.hasOwn(errorCodes, code ?? ""))).toEqual([]);
});

test("each path parameter is told, and each reference leads somewhere", () => {
  for (const { path, parameters = [] } of told) {
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(parameters.filter((one) => one.in === "path").map(({ name }) => name)).toEqual(wanted);
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  const missing = references.filter(([, name]) => document.components?.schemas?.[name ?? ""] === undefined);
  expect(missing).toEqual([]);
  expect(JSON.stringify(document)).not.toContain('"$defs"');
});

test("each of the tasks has an example of its call, which is one", async () => {
  const { examples = {} } =
    told.find(({ operationId }) => operationId === "enqueue")?.requestBody?.content["application/json"] ?? {};
  expect(Object.keys(examples)).toEqual(catalogue.tasks.map(({ name }) => name));
  for (const [name, { value }] of Object.entries(examples)) {
    expect([name, operations.enqueue.body.safeParse(value).success]).toEqual([name, true]);
  }
});

test("health alone needs no key", () => {
  const open = told.filter(({ security }) => security?.length === 0).map(({ operationId }) => operationId);
  expect(open).toEqual(["getHealth"]);
});

test("the document and its page are served to those who may see them", async () => {
  const api = await apiCaller(world, { scopes: ["read"] });
  const { status, body } = await api.get("/openapi.json");
  expect([status, body.openapi, body.info.version]).toEqual([200, "3.1.0", "1.2.3"]);
  expect(Object.keys(body.paths)).toEqual(Object.keys(document.paths ?? {}));

  const viewer = await world.login("viewer");
  const page = await (await viewer.fetch("/api/v1/docs")).text();
  const files = [...page.matchAll(/(?:href|src)="(docs\/[^"]+\.(?:css|js))"/g)].map(([, path]) => path);
  expect(files.length).toBe(4);
  for (const file of files) expect((await fetch(`${world.url}/api/v1/${file}`)).status).toBe(200);
  const errors = await (await viewer.fetch("/api/v1/docs/errors")).text();
  for (const code of Object.keys(errorCodes)) expect(errors).toContain(`id="${code}"`);
});
