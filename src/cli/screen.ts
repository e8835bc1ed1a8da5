import picocolors from "picocolors";
import type { Colors } from "picocolors/types.js";
import type { LovageError } from "../core/errors.ts";
import type { CliDoors, Output } from "./doors.ts";
import { errorDocument, errorText } from "./error-report.ts";

/** Where a command writes: its answer to standard output, everything else to standard error. */
export interface Screen {
  readonly json: boolean;
  /** Colours of the answer; plain where standard output is no terminal. */
  readonly colors: Colors;
  /** Characters in a line of the answer; infinite where standard output is no terminal. */
  readonly width: number;
  /** The command's answer: with `--json` the document, else the text. */
  answer(document: unknown, text: () => string): void;
  /** One line of an answer that comes line by line. */
  line(text: string): void;
  /** A remark for a person; silent with `--json`. */
  note(text: string): void;
  /** @param id the job it is about */
  error(error: LovageError, id?: string): void;
  /** From now on nothing is written: a command that was interrupted may still go on for a moment. */
  close(): void;
}

export function createScreen({ stdout, stderr }: Pick<CliDoors, "stdout" | "stderr">, json: boolean): Screen {
  const colors = colorsFor(stdout);
  const remarkColors = colorsFor(stderr);
  let open = true;
  const line = (text: string) => {
    if (open) stdout.write(`${text}\n`);
  };
  const remark = (text: string) => {
    if (open) stderr.write(`${text}\n`);
  };
  return {
    json,
    colors,
    width: stdout.isTTY === true ? (stdout.columns ?? 80) : Number.POSITIVE_INFINITY,
    line,
    answer(document, text) {
      line(json ? JSON.stringify(document, undefined, 2) : text());
    },
    note(text) {
      if (!json) remark(text);
    },
    error(error, id) {
      if (json) line(JSON.stringify(errorDocument(error, id), undefined, 2));
      else remark(errorText(error, remarkColors, id));
    },
    close() {
      open = false;
    },
  };
}

function colorsFor(output: Output): Colors {
  return picocolors.createColors(output.hasColors?.() === true);
}
