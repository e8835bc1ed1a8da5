import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "../../src/core/errors.ts";
import { addBooks, type Books, faultsOf, noBooks } from "./books.ts";
import type { Fault } from "./fault.ts";
import type { Machine } from "./machine.ts";
import { createRandom } from "./random.ts";

/** A line of the report. */
export interface FaultReport extends Books {
  fault: string;
  title: string;
  promise: Fault["promise"];
  rounds: number;
  seconds: number;
  notes: Record<string, number | string>;
  passed: boolean;
  /** Why it was not run; it has neither passed nor failed then. */
  skipped?: string;
}

export interface SuiteOptions {
  faults: readonly Fault[];
  seed: number;
  quick: boolean;
  /** Instead of each fault's own number. */
  rounds?: number | undefined;
  machine: Machine;
  say(text: string): void;
  /** Ends the suite after the present round. */
  signal: AbortSignal;
}

/** Runs the faults one after another, and does not stop at a failed one. */
export async function runSuite(options: SuiteOptions): Promise<FaultReport[]> {
  const reports: FaultReport[] = [];
  try {
    for (const fault of options.faults) {
      if (options.signal.aborted) break;
      reports.push(await runFault(fault, options));
    }
  } finally {
    for (const end of new Set(options.faults.map((fault) => fault.end))) await end?.();
  }
  return reports;
}

async function runFault(fault: Fault, options: SuiteOptions): Promise<FaultReport> {
  const { name, title, promise } = fault;
  const report = { fault: name, title, promise, rounds: 0, ...noBooks, seconds: 0, notes: {}, passed: true };
  const rounds = options.rounds ?? fault.rounds[options.quick ? "quick" : "long"];
  const lacking =
    rounds === 0
      ? "it is part of the long form only"
      : (fault.needs ?? []).map((need) => options.machine.lacks(need)).find(Boolean);
  if (lacking !== undefined) {
    options.say(`${name}: left out, ${lacking}`);
    return { ...report, passed: false, skipped: lacking };
  }
  const begun = performance.now();
  let books: Books = noBooks;
  for (let number = 1; number <= rounds && !options.signal.aborted; number += 1) {
    const { found, wrong } = await runRound(fault, number, options);
    // What a round that was told to end came to says nothing.
    if (options.signal.aborted) break;
    books = addBooks(books, found);
    report.rounds += 1;
    if (wrong.length === 0) continue;
    report.passed = false;
    options.say(`${name}, round ${number}: ${wrong.join("; ")}`);
    options.say(`once more: ${repeatCommand(fault, number, options)}`);
  }
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  const { enqueued, lost, doubled } = books;
  options.say(
    `${name}: ${report.passed ? "passed" : "FAILED"} after ${seconds} s: ${enqueued} enqueued, ${lost} lost, ${doubled} doubled`,
  );
  return { ...report, ...books, notes: books.notes ?? {}, seconds };
}

/** How long a round that was told to end may take for that, in milliseconds. */
const putAway = 30_000;

async function runRound(
  fault: Fault,
  number: number,
  { quick, seed, say, signal }: SuiteOptions,
): Promise<{ found: Books; wrong: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "lovage-chaos-"));
  const minutes = fault.patience ?? 10;
  const tooLong = AbortSignal.timeout(minutes * 60_000);
  const told = AbortSignal.any([signal, tooLong]);
  const hangs = Promise.withResolvers<never>();
  told.addEventListener("abort", () =>
    hangs.reject(signal.aborted ? new Error("ended by Ctrl-C") : tooLong.reason),
  );
  say(`${fault.name}, round ${number} …`);
  let running: Promise<Books> | undefined;
  try {
    running = fault.run({
      number,
      promise: fault.promise,
      random: createRandom(seedOf(seed, number)),
      quick,
      say: (text) => say(`${fault.name}, round ${number}: ${text}`),
      folder,
      signal: told,
    });
    const found = await Promise.race([running, hangs.promise]);
    return { found, wrong: faultsOf(found) };
  } catch (error) {
    const what = describeError(error);
    return { found: { ...noBooks, notes: { error: what } }, wrong: [what] };
  } finally {
    // One that was told to end has processes and disks to put away.
    await Promise.race([running?.catch(() => {}), sleep(putAway, undefined, { ref: false })]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The second round of a seed is the first one of the next. */
function seedOf(seed: number, number: number): number {
  return (seed + number - 1) >>> 0;
}

function repeatCommand({ name }: Fault, number: number, { seed, quick }: SuiteOptions): string {
  const long = quick ? " --quick" : "";
  return `./scripts/chaos.sh${long} --only ${name} --seed ${seedOf(seed, number)} --rounds 1`;
}
