/** The process in which isolated tasks run, one at a time: `child.ts <URL of the catalogue's module> <pid of the worker>`. */

import { enableCompileCache } from "node:module";
import { Worker } from "node:worker_threads";
import { LovageError } from "../../core/errors.ts";
import type { Catalogue } from "../../task/catalogue.ts";
import type { Dependencies } from "../../task/dependencies.ts";
import { validate } from "../../task/validation.ts";
import type { FromChild, RunRequest, ToChild } from "./messages.ts";
import { createRemoteContext } from "./remote-context.ts";
import { packThrown, unpackThrown } from "./thrown.ts";

/** What a catalogue's module exports for isolated tasks. */
interface CatalogueModule {
  catalogue: Catalogue;
  /** Makes what tasks find as `context.dependencies`, once a process. */
  dependencies?: () => Promise<Dependencies> | Dependencies;
}

enableCompileCache();
const [, , url = "", parent] = process.argv;
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
// A Ctrl-C goes to all processes of a terminal; when this one ends is for the worker to say.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
new Worker(new URL("./watchdog.ts", import.meta.url), { workerData: Number(parent) }).unref();

const send = (message: FromChild) => void process.send?.(message);
const calls = new Map<number, PromiseWithResolvers<unknown>>();
let lastCall = 0;
let aborter = new AbortController();

const loaded = load();
loaded.catch((error: unknown) => send({ type: "broken", error: packThrown(error) }));

process.on("message", (message: ToChild) => {
  if (message.type === "run") {
    aborter = new AbortController();
    void run(message, aborter.signal);
  } else if (message.type === "abort") {
    send({ type: "heard" });
    aborter.abort(LovageError.fromRecord(message.reason));
  } else {
    const call = calls.get(message.id);
    calls.delete(message.id);
    if (message.type === "answer") call?.resolve(message.value);
    else call?.reject(unpackThrown(message.error));
  }
});

async function load(): Promise<{ catalogue: Catalogue; dependencies: Dependencies }> {
  const module = (await import(url)) as CatalogueModule;
  return { catalogue: module.catalogue, dependencies: (await module.dependencies?.()) ?? {} };
}

async function run(request: RunRequest, signal: AbortSignal): Promise<void> {
  const parts = await loaded.catch(() => undefined);
  // The worker was told.
  if (parts === undefined) return;
  const { catalogue, dependencies } = parts;
  try {
    const task = catalogue.get(request.task);
    const input = validate(task.input, request.input, "INPUT_INVALID", `the input of ${task.name}`);
    const context = createRemoteContext({ request, signal, dependencies, call, send });
    const value = await task.run?.(input as never, context as never);
    giveBack(value);
  } catch (error) {
    send({ type: "threw", error: packThrown(error), residentBytes: process.memoryUsage.rss() });
  }
}

function giveBack(value: unknown): void {
  try {
    send({ type: "returned", value, residentBytes: process.memoryUsage.rss() });
  } catch (cause) {
    const hint = "return plain data: objects, arrays, texts, numbers";
    throw new LovageError("OUTPUT_INVALID", "the result cannot leave its process", { cause, hint });
  }
}

function call(name: string, args: readonly unknown[]): Promise<unknown> {
  lastCall += 1;
  send({ type: "call", id: lastCall, name, args });
  const answer = Promise.withResolvers<unknown>();
  calls.set(lastCall, answer);
  return answer.promise;
}
