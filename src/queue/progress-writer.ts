import { setImmediate as nextTurn } from "node:timers/promises";
import type { Progress } from "../core/progress.ts";

/** For so long after a write what is reported is held back, in milliseconds: nobody watches ten thousand values a second. */
const restFor = 100;

/**
 * Writes the progress of one running job: the first report at once, of those that follow quickly the newest about each
 * 100 ms, and the last one always. One write at a time, so that they reach Redis in their order.
 */
export class ProgressWriter {
  readonly #write: (json: string) => Promise<void>;
  readonly #onError: (error: Error) => void;
  /** The newest report, while it is not written. */
  #newest: string | undefined;
  #writing: Promise<void> | undefined;
  #resting: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(write: (json: string) => Promise<void>, onError: (error: Error) => void) {
    this.#write = write;
    this.#onError = onError;
  }

  /** Resolves when it is written; for one that is held back, in the next turn of the event loop. */
  report(progress: Progress): Promise<void> {
    if (this.#closed) return nextTurn();
    // As it is now: the task may go on changing it.
    this.#newest = JSON.stringify(progress);
    const held = this.#writing !== undefined || this.#resting !== undefined;
    // A loop that awaits nothing else would keep the process from everything else if this resolved at once.
    return held ? nextTurn() : this.#send();
  }

  /** Writes what is held back. Never rejects: progress is a courtesy, and must not fail the job. */
  async flush(): Promise<void> {
    // Who waits for it hears of its failure, and the value was put back.
    await this.#writing?.catch(() => {});
    if (this.#newest !== undefined) await this.#send().catch(this.#onError);
  }

  /** The job's last write; what is reported later is dropped. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#resting);
    await this.flush();
  }

  /** Writes no more, and waits for nothing. */
  abandon(): void {
    this.#closed = true;
    clearTimeout(this.#resting);
  }

  #send(): Promise<void> {
    const json = this.#newest ?? "";
    this.#newest = undefined;
    this.#writing = this.#write(json)
      .catch((error: unknown) => {
        // The next one, or the job's end, tries again.
        this.#newest ??= json;
        throw error;
      })
      .finally(() => {
        this.#writing = undefined;
        clearTimeout(this.#resting);
        if (!this.#closed) this.#resting = setTimeout(() => this.#wake(), restFor);
      });
    return this.#writing;
  }

  #wake(): void {
    this.#resting = undefined;
    if (this.#newest !== undefined && this.#writing === undefined) this.#send().catch(this.#onError);
  }
}
