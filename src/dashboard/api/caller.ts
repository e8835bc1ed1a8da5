import type { Scope } from "../../contract/index.ts";
import { LovageError } from "../../core/errors.ts";
import { type ApiKey, defaultApiRate } from "../../queue/api-keys.ts";
import { builtinPrefix } from "../../task/builtin.ts";
import { allows, type Viewer } from "../viewer.ts";

/** Who uses the API: an API key, or a person who is logged in. */
export interface Caller {
  /** By which requests and streams are counted. */
  readonly id: string;
  /** How the audit log names it. */
  readonly name: string;
  readonly rate: string;
  /** @throws LovageError `FORBIDDEN` */
  require(scope: Scope): void;
  /** @throws LovageError `FORBIDDEN` for a task that it may not enqueue */
  requireTask(task: string): void;
  /** For what cannot be undone. @throws LovageError `FORBIDDEN` for a person who is no admin */
  requireFinal(): void;
}

export function keyCaller(key: ApiKey): Caller {
  const patterns = key.scopes.flatMap((scope) => (scope.startsWith("enqueue:") ? [scope.slice(8)] : []));
  const scopes = new Set<string>(key.scopes);
  if (patterns.length > 0) scopes.add("enqueue");
  return {
    id: `key:${key.id}`,
    name: `${key.name} (key ${key.id})`,
    rate: key.rate,
    require(scope) {
      if (scopes.has(scope)) return;
      throw new LovageError("FORBIDDEN", `this needs the scope ${scope}`, {
        field: "scope",
        value: key.scopes.join(" "),
        hint: `use a key with it: lovage keys create NAME --scope ${scope}`,
      });
    },
    requireTask(task) {
      if (patterns.some((pattern) => fits(pattern, task))) return;
      throw new LovageError("FORBIDDEN", `this key may not enqueue ${task}`, {
        field: "scope",
        value: key.scopes.join(" "),
        hint: `use a key with a pattern that fits: lovage keys create NAME --scope 'enqueue:${task}'`,
      });
    },
    requireFinal() {},
  };
}

export function viewerCaller(viewer: Viewer): Caller {
  const refuse = (needed: "operator" | "admin") => {
    if (allows(viewer, needed)) return;
    throw new LovageError("FORBIDDEN", `this needs the role ${needed}`, {
      field: "role",
      value: viewer.role,
      hint: "log in as somebody else, or use an API key",
    });
  };
  return {
    id: `user:${viewer.name}`,
    name: viewer.name,
    rate: defaultApiRate,
    require: (scope) => scope !== "read" && refuse("operator"),
    requireTask: () => refuse("operator"),
    requireFinal: () => refuse("admin"),
  };
}

/** Lovage's own tasks run whatever task their input names, so only who may enqueue every task may enqueue them. */
function fits(pattern: string, task: string): boolean {
  if (task.startsWith(builtinPrefix)) return pattern === "*";
  const parts = pattern.split("*").map((part) => part.replaceAll(".", "\\."));
  return new RegExp(`^${parts.join(".*")}$`).test(task);
}
