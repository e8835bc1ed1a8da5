import { isSilence } from "./patience.ts";

/** Whether a cluster is taken for up. `half-open`: it was not, and is being asked. */
export type BreakerState = "closed" | "open" | "half-open";

/**
 * Tells a cluster that is down from one that is slow to answer once. While it is open no Ray job is begun there; those
 * that are watched go on being watched, and their answers close it as well as its own question does.
 */
export interface Breaker {
  readonly cluster: string;
  readonly state: BreakerState;
  /**
   * For how many milliseconds a job is put off that wants the cluster now: past the next question, and the longer the
   * cluster has been down the more spread out, so that a long line does not come round all the time.
   */
  putOff(): number;
  /** What a call to the cluster ended with; nothing: it answered. */
  note(error?: unknown): void;
  /** Ends its questions. */
  close(): void;
}

export interface BreakerOptions {
  cluster: string;
  /** Calls in a row without an answer, at which it opens. */
  failures: number;
  /** Milliseconds between its questions while it is open. */
  probeInterval: number;
  /** Asks the cluster anything; rejects when it is silent. */
  probe(): Promise<unknown>;
  /** Told of each change but to half-open. @param reason what the last call ended with */
  onChange?(state: "closed" | "open", reason: unknown): void;
}

/**
 * Several jobs that meet the same moment's fault are no row of faults: a row takes so long at least, in milliseconds.
 */
const leastSilence = 2000;

/** A job that was put off comes back no more than so long after its cluster, in milliseconds. */
const mostSpread = 60_000;

export function createBreaker({
  cluster,
  failures,
  probeInterval,
  probe,
  onChange,
}: BreakerOptions): Breaker {
  let state: BreakerState = "closed";
  let inARow = 0;
  let silentSince = 0;
  let askedAt = 0;
  let timer: NodeJS.Timeout | undefined;

  function answered(): void {
    inARow = 0;
    if (state === "closed") return;
    state = "closed";
    clearTimeout(timer);
    onChange?.("closed", undefined);
  }

  function silent(error: unknown): void {
    if (inARow === 0) silentSince = performance.now();
    inARow += 1;
    if (state !== "closed" || inARow < failures || performance.now() - silentSince < leastSilence) return;
    state = "open";
    askLater();
    onChange?.("open", error);
  }

  function askLater(): void {
    askedAt = performance.now();
    timer = setTimeout(() => void ask(), probeInterval);
    timer.unref();
  }

  async function ask(): Promise<void> {
    state = "half-open";
    try {
      await probe();
      answered();
    } catch (error) {
      if (!isSilence(error)) answered();
      // A watched Ray job's answer may have closed it meanwhile.
      else if (state === "half-open") {
        state = "open";
        askLater();
      }
    }
  }

  return {
    cluster,
    get state() {
      return state;
    },
    putOff() {
      const now = performance.now();
      const spread = Math.min(mostSpread, probeInterval + (now - silentSince) / 2);
      return Math.round(Math.max(0, askedAt + probeInterval - now) + 500 + spread * Math.random());
    },
    note(error) {
      if (error === undefined || !isSilence(error)) answered();
      else silent(error);
    },
    close: () => clearTimeout(timer),
  };
}
