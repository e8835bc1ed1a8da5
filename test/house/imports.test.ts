import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Who may import whom; `bin` may import everything. */
const table: Record<string, readonly string[]> = {
  core: [],
  config: ["core"],
  "ray-client-http": [],
  task: ["core"],
  queue: ["core", "task"],
  ray: ["core", "task", "ray-client-http"],
  observe: ["core"],
  process: ["core", "observe"],
  dev: ["core", "process", "observe"],
  client: ["core", "task", "queue", "contract"],
  worker: ["core", "task", "queue", "ray", "observe", "process"],
  scheduler: ["core", "task", "queue", "ray", "observe", "process"],
  contract: ["core", "task"],
  dashboard: ["core", "task", "queue", "client", "contract", "observe", "process"],
  testing: ["core", "task", "queue", "client"],
  cli: ["core", "task", "queue", "client"],
  tasks: ["#task"],
};

/** Packages that only one room may name. */
const owners: Record<string, readonly string[]> = {
  bullmq: ["queue"],
  ioredis: ["queue"],
  undici: ["ray-client-http"],
  ws: ["ray-client-http", "testing"],
  express: ["dashboard"],
  "prom-client": ["observe"],
  "bullmq-otel": ["observe"],
  "@opentelemetry/api": ["observe"],
  "@opentelemetry/sdk-trace": ["observe"],
};

interface Import {
  file: string;
  room: string;
  /** A room, "#task", or a package's name. */
  target: string;
}

const rooms = readdirSync(join(root, "src"));
const imports = [...rooms.map((room) => join("src", room)), "tasks"].flatMap(importsOf);

function importsOf(folder: string): Import[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return files.flatMap((name) => {
    const file = join(folder, name);
    const text = readFileSync(join(root, file), "utf8");
    const specifiers = [...text.matchAll(/(?:from\s+|import\s+|import\(\s*)"([^"]+)"/g)].map(
      (match) => match[1] ?? "",
    );
    return specifiers.map((specifier) => ({ file, room: roomOf(file), target: targetOf(file, specifier) }));
  });
}

function roomOf(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return first === "src" ? second : first;
}

function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith(".")) return roomOf(relative(root, join(root, dirname(file), specifier)));
  if (specifier.startsWith("#")) return specifier;
  return specifier.startsWith("@")
    ? specifier.split("/").slice(0, 2).join("/")
    : (specifier.split("/")[0] ?? "");
}

test("every room is in the table", () => {
  expect(rooms.toSorted()).toEqual(
    [...Object.keys(table).filter((room) => room !== "tasks"), "bin"].toSorted(),
  );
  expect(imports.length).toBeGreaterThan(100);
});

test("rooms import only what the table allows", () => {
  const known = new Set([...Object.keys(table), "bin"]);
  const wrong = imports.filter(({ room, target }) => {
    if (room === "bin" || room === target) return false;
    if (!known.has(target) && !target.startsWith("#")) return false;
    return !table[room]?.includes(target);
  });
  expect(wrong).toEqual([]);
});

test("a package with one owner is named by nobody else", () => {
  const wrong = imports.filter(
    ({ room, target }) => owners[target] !== undefined && !owners[target].includes(room),
  );
  expect(wrong).toEqual([]);
});

test("only bin reads the environment or ends the process", () => {
  const files = rooms
    .filter((room) => room !== "bin")
    .flatMap((room) =>
      readdirSync(join(root, "src", room), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .map((name) => join("src", room, name)),
    );
  const wrong = files.filter((file) =>
    /process\.(env\b|exit\()/.test(readFileSync(join(root, file), "utf8")),
  );
  expect(wrong).toEqual([]);
});
