import type { Books } from "./books.ts";
import type { Random } from "./random.ts";

/** What a round may need of the machine. */
export type Need = "root" | "docker" | "lab" | "ray" | "python";

/** One way in which the world goes wrong while jobs come and go. */
export interface Fault {
  /** In kebab-case. */
  name: string;
  title: string;
  /** What the effects of the ledger's tasks are held to: "once" is by their fence. */
  promise: "at least once" | "once";
  /** How many rounds there are with `--quick`, and in the long form. */
  rounds: { quick: number; long: number };
  needs?: readonly Need[];
  /** Minutes after which a round that has not ended counts as hanging. Default 10. */
  patience?: number;
  run(round: Round): Promise<Books>;
  /** Ends what all rounds shared, after the last fault. Several faults may share one. */
  end?: () => Promise<void>;
}

/** One run of a fault. */
export interface Round {
  /** Counted from 1. */
  number: number;
  promise: Fault["promise"];
  /** Decides the load and the moments of the fault. */
  random: Random;
  quick: boolean;
  /** Tells that it lives, on standard error. */
  say(text: string): void;
  /** An empty folder, gone after the round. */
  folder: string;
  /** Aborted when the round is to end: by Ctrl-C, or because it hangs. */
  signal: AbortSignal;
}
