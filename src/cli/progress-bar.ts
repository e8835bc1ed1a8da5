import cliProgress from "cli-progress";
import type { Progress } from "../core/progress.ts";
import type { Output } from "./doors.ts";

/** Shows how far a job is: a bar on a terminal, else a line now and then. */
export interface ProgressBar {
  show(progress: Progress): void;
  /** Shows what was held back and ends. Idempotent. */
  stop(): void;
}

/** Lines of a log come no closer, in milliseconds; only the last may. */
const lineInterval = 2000;

/** @param label what the progress is of; stands before it */
export function createProgressBar(output: Output, label: string): ProgressBar {
  return output.isTTY === true ? bar(output, label) : lines(output, label);
}

function bar(output: Output, label: string): ProgressBar {
  const single = new cliProgress.SingleBar({
    stream: output,
    format: `${label} {bar} {percentage}% {message}`,
    barsize: 24,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    linewrap: false,
    emptyOnZero: true,
  });
  single.start(100, 0, { message: "" });
  let fraction = 0;
  return {
    show(progress) {
      fraction = progress.fraction ?? fraction;
      single.update(Math.floor(fraction * 100), { message: progress.message.replaceAll(/\s+/g, " ") });
    },
    stop: () => single.stop(),
  };
}

function lines(output: Output, label: string): ProgressBar {
  let printedAt = Number.NEGATIVE_INFINITY;
  let printed = "";
  let held: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  function print(): void {
    clearTimeout(timer);
    timer = undefined;
    if (held === undefined || held === printed) return;
    printed = held;
    printedAt = Date.now();
    held = undefined;
    output.write(`${label} ${printed}\n`);
  }

  return {
    show({ fraction, message }) {
      const percent = fraction === null ? "" : `${Math.floor(fraction * 100)}%`;
      held = [percent, message.replaceAll(/\s+/g, " ")].filter((part) => part !== "").join(" ");
      const left = printedAt + lineInterval - Date.now();
      if (left <= 0) print();
      // The newest word is not lost when the next is long in coming.
      else timer ??= setTimeout(print, left).unref();
    },
    stop: print,
  };
}
