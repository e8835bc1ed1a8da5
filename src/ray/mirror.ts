import type { LovageError } from "../core/errors.ts";
import type { Progress } from "../core/progress.ts";
import type { RayClient } from "../ray-client-http/index.ts";
import type { RayHost } from "./host.ts";
import { createLineReader, type ProgramLine } from "./markers.ts";
import { pauseUnlessAborted } from "./patience.ts";
import { formatCursor } from "./record.ts";

/** Follows a Ray job's log: text goes to the job's log, marked lines become progress, result and failure. */
export interface Mirror {
  readonly result: { value: unknown } | undefined;
  readonly failure: LovageError | undefined;
  /** Characters of the log read so far. */
  readonly offset: number;
  /** Reads a part of the log that was fetched otherwise, for its marked lines only. */
  readMarkers(text: string): void;
  /** Stops following and takes the rest from the log as a whole. */
  finishWith(log: string): Promise<void>;
  /** Waits until the log has ended, as long as it still tells something within `quiet` milliseconds. */
  finish(quiet: number): Promise<void>;
  /** Stops following and writes what is held back. */
  stop(): Promise<void>;
}

/**
 * The log is followed from this time on, in milliseconds: Ray's socket tells of a line one to two and a half seconds late,
 * and a Ray job that ends sooner is spared it. Its log is read as a whole.
 */
const firstLook = 1000;

/** How often lines and progress go to Redis, in milliseconds, however fast a program prints. */
const flushInterval = 400;

export function followLog(client: RayClient, submissionId: string, from: number, host: RayHost): Mirror {
  const stopper = new AbortController();
  const reader = createLineReader();
  let lines: string[] = [];
  let dropped = 0;
  let progress: Progress | undefined;
  let result: { value: unknown } | undefined;
  let failure: LovageError | undefined;
  let consumed = from;
  let lastHeard = Date.now();
  let ended = false;
  let hurry = new AbortController();

  function take(line: ProgramLine): void {
    if (line.type === "text") {
      lines.push(line.text);
      // Only the last lines are kept in the end, so a flood need not be held in memory.
      if (lines.length > 5000) dropped += lines.splice(0, 1000).length;
    } else if (line.type === "progress") progress = line.progress;
    else if (line.type === "result") result = { value: line.value };
    else failure = line.error;
  }

  async function flush(): Promise<void> {
    const cursor = formatCursor(submissionId, consumed - reader.pending);
    const told = dropped > 0 ? [`… ${dropped} lines left out …`, ...lines] : lines;
    lines = [];
    dropped = 0;
    const latest = progress;
    progress = undefined;
    // The log is a courtesy: that it cannot be written must not fail the job.
    const warn = (error: unknown) =>
      host.logger.warn({ err: error }, "the job's log or progress could not be written");
    await Promise.all([
      told.length > 0 ? host.log(told, cursor).catch(warn) : undefined,
      latest === undefined ? undefined : host.progress(latest).catch(warn),
    ]);
  }

  function read(text: string): void {
    consumed += text.length;
    for (const line of reader.push(text)) take(line);
  }

  async function follow(): Promise<void> {
    await pauseUnlessAborted(firstLook, AbortSignal.any([stopper.signal, hurry.signal])).catch(() => {});
    for (let pause = 500; !stopper.signal.aborted; pause = Math.min(pause * 2, 10_000)) {
      try {
        for await (const piece of client.tail(submissionId, { from: consumed, signal: stopper.signal })) {
          lastHeard = Date.now();
          pause = 500;
          read(piece.text);
        }
        // The end of the log says nothing of the job: Ray ends it early at times (ray-project/ray#60665).
        ended = true;
      } catch (error) {
        if (stopper.signal.aborted) return;
        host.logger.debug({ err: error }, "the Ray job's log broke off");
      }
      // Each look begins at the start of Ray's file, so an idle log is not looked at often.
      await pauseUnlessAborted(pause, AbortSignal.any([stopper.signal, hurry.signal])).catch(() => {});
    }
  }

  const following = follow();
  let flushing = Promise.resolve();
  const timer = setInterval(() => {
    flushing = flushing.then(flush);
  }, flushInterval);

  return {
    get result() {
      return result;
    },
    get failure() {
      return failure;
    },
    get offset() {
      return consumed;
    },
    async finishWith(log) {
      stopper.abort();
      await following;
      read(log.slice(consumed));
      for (const line of reader.end()) take(line);
    },
    readMarkers(text) {
      const marked = createLineReader();
      for (const line of [...marked.push(text), ...marked.end()]) {
        if (line.type === "result" || line.type === "failure") take(line);
      }
    },
    async finish(quiet) {
      // Only an end that is told after this call proves that nothing is missing.
      ended = false;
      hurry.abort();
      hurry = new AbortController();
      const begun = Date.now();
      while (!ended && result === undefined && failure === undefined) {
        if (Date.now() - Math.max(lastHeard, begun) > quiet) break;
        await pauseUnlessAborted(25, host.signal);
      }
    },
    async stop() {
      clearInterval(timer);
      stopper.abort();
      await following;
      for (const line of reader.end()) take(line);
      await flushing;
      await flush();
    },
  };
}
