import { setTimeout as sleep } from "node:timers/promises";
import { type BackendFactory, type Job, type JobJson, type RedisQueueBackend, Worker } from "bullmq";
import { parseJson } from "../core/json.ts";

/** How long a closing worker must have had nothing to do to be left, and how often that is looked at. Milliseconds. */
const idleEnough = 2000;
const idleLook = 100;

/**
 * BullMQ's worker, which takes a job whatever lies in its hash. BullMQ's own fails at the first field that is no JSON
 * before anybody hears of the job: it would stay with the queue for ever, and keep the worker from its work each time.
 */
export class TolerantWorker extends Worker {
  /** How many jobs it runs, or has run and is still ending. */
  #busy = 0;

  override async processJob(...job: Parameters<Worker["processJob"]>): ReturnType<Worker["processJob"]> {
    this.#busy += 1;
    try {
      return await super.processJob(...job);
    } finally {
      this.#busy -= 1;
    }
  }

  /**
   * Takes no more jobs and resolves when those it has are ended. BullMQ waits for the end of its blocking connection, too;
   * one that is told to end between two tries to connect tells of none, and the worker would be waited for until the
   * process is killed. Nothing is left to do by then.
   */
  async finish(): Promise<void> {
    const over = new AbortController();
    const idle = async () => {
      for (let since = Date.now(); Date.now() - since < idleEnough; ) {
        await sleep(idleLook, undefined, { signal: over.signal });
        if (this.#busy > 0) since = Date.now();
      }
    };
    try {
      await Promise.race([this.close(), idle()]);
    } finally {
      over.abort();
    }
  }

  protected override createJob(json: JobJson, id: string): Job {
    try {
      return super.createJob(json, id);
    } catch {
      // Data that is no JSON is a text, and so no call.
      return super.createJob({ ...json, data: JSON.stringify(json.data) }, id);
    }
  }
}

/** A backend whose replies hold only what BullMQ can read of a job's options, progress and parent. */
export function tolerantBackend(open: BackendFactory<RedisQueueBackend>): BackendFactory<RedisQueueBackend> {
  return (name, options, how) => {
    const backend = open(name, options, how);
    const run = backend.execCommand.bind(backend);
    backend.execCommand = (client, command, args) => {
      const reply = run(client, command, args);
      return bringJobs.has(command) ? reply.then(mendReply) : reply;
    };
    return backend;
  };
}

/** The scripts whose reply may hold the next job. */
const bringJobs: ReadonlySet<string> = new Set(["moveToActive", "moveToFinished"]);

/** A reply that brings a job begins with its fields: names and values by turns. */
export function mendReply(told: unknown): unknown {
  const fields: unknown = Array.isArray(told) ? told[0] : undefined;
  if (!Array.isArray(fields)) return told;
  for (let at = 0; at < fields.length; at += 2) {
    const value: unknown = fields[at + 1];
    if (typeof value === "string" && value !== "") fields[at + 1] = mendField(fields[at], value);
  }
  return told;
}

/** Options that BullMQ can read: most jobs have the same as the one before, and every job passes here. */
let readable = "{}";

/** What BullMQ can read in the place of a field of a job. */
export function mendField(field: unknown, text: string): string {
  switch (field) {
    case "opts":
      if (text === readable) return text;
      if (!isObject(parseJson(text))) return "{}";
      readable = text;
      return text;
    case "parent":
      return isObject(parseJson(text)) ? text : "";
    case "progress":
      return parseJson(text) === undefined ? "" : text;
    default:
      return text;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
