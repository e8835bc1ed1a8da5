import type { Client } from "../client/index.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { Screen } from "./screen.ts";

/** What a command has while it runs. */
export interface Call {
  readonly screen: Screen;
  /** The client, opened at the first wish; closed when the command is over. */
  client(): Client<TaskTypes>;
  /** What Ctrl-C says from now on; it may also tidy the screen. */
  onInterrupt(tell: () => { message: string; hint?: string }): void;
}

/** Runs one command; the number it resolves to becomes the exit code. */
export type Run = (command: (call: Call) => Promise<number>) => Promise<void>;
