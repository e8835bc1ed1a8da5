import type { LogAddition } from "./log.ts";

/** Where so many lines went together it is a flood: the next write waits, in milliseconds, until more are worth one. */
const flood = { lines: 100, rest: 100 };

/**
 * Writes the log of one running job, one write at a time: lines that come meanwhile go together with the next one. A task
 * that never waits for them, or that goes on while Redis is away, so fills neither the connection nor the memory: of what
 * waits, only as much is held as would be kept.
 */
export class LogWriter {
  readonly #write: (addition: LogAddition) => Promise<void>;
  readonly #most: number;
  #lines: string[] = [];
  #cursor: string | undefined;
  #leftOut = 0;
  #writing: Promise<void> | undefined;
  /** How many lines the last write had. */
  #size = 0;
  /** Ends the rest before the next write. */
  #hurry: (() => void) | undefined;
  /** The write after the one under way. */
  #next: Promise<void> | undefined;

  /** @param keep how many lines are kept of a log */
  constructor(write: (addition: LogAddition) => Promise<void>, keep: number) {
    this.#write = write;
    this.#most = keep;
  }

  /** Resolves when they are written, or were left out for newer ones that are. */
  add({ lines, cursor }: LogAddition): Promise<void> {
    for (const line of lines) this.#lines.push(line);
    this.#cursor = cursor ?? this.#cursor;
    if (this.#lines.length > 2 * this.#most)
      this.#leftOut += this.#lines.splice(0, this.#lines.length - this.#most).length;
    if (this.#next !== undefined) return this.#next;
    if (this.#writing === undefined) return this.#send();
    this.#next = this.#writing
      .catch(() => {})
      .then(() => this.#rest())
      .then(() => this.#send());
    return this.#next;
  }

  /** Waits until all is written. Never rejects: who added the lines hears of it. */
  async settle(): Promise<void> {
    this.#size = 0;
    this.#hurry?.();
    await (this.#next ?? this.#writing)?.catch(() => {});
  }

  #send(): Promise<void> {
    this.#next = undefined;
    const lines = this.#leftOut === 0 ? this.#lines : this.#newest();
    const cursor = this.#cursor;
    this.#lines = [];
    this.#cursor = undefined;
    this.#leftOut = 0;
    this.#size = lines.length;
    this.#writing = this.#write({ lines, cursor }).finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  #rest(): Promise<void> | undefined {
    if (this.#size < flood.lines) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, flood.rest);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #newest(): string[] {
    const kept = this.#lines.slice(-Math.max(1, this.#most - 1));
    return [`… ${this.#leftOut + this.#lines.length - kept.length} lines left out …`, ...kept];
  }
}
