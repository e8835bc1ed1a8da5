import * as z from "zod";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { marker } from "../core/program-lines.ts";
import { type Progress, toProgress } from "../core/progress.ts";

export { marker };

/** The largest result as JSON, in bytes; `lovage_job.py` refuses a larger one. */
export const maxResultBytes = 256 * 1024;

/** A longer line is no marker and is cut: a program without line ends must not fill the worker's memory. */
const maxLineLength = 2 * maxResultBytes;

const Event = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.literal("progress"),
    fraction: z.number().nullish(),
    message: z.string().optional(),
  }),
  z.looseObject({ type: z.literal("result"), value: z.unknown() }),
  z.looseObject({
    type: z.literal("failure"),
    code: z.string(),
    message: z.string(),
    retry: z.boolean(),
    field: z.string().optional(),
    value: z.string().optional(),
    hint: z.string().optional(),
    cause: z.string().optional(),
  }),
]);

/** What a program said by a marked line, or an ordinary line of its log. */
export type ProgramLine =
  | { type: "text"; text: string }
  | { type: "progress"; progress: Progress }
  | { type: "result"; value: unknown }
  | { type: "failure"; error: LovageError };

/** Cuts a log that arrives in pieces into lines. */
export interface LineReader {
  /** The lines that are complete now. */
  push(piece: string): ProgramLine[];
  /** The last line, if the log does not end with a line end. */
  end(): ProgramLine[];
  /** Characters held back because their line is not complete. */
  readonly pending: number;
}

export function createLineReader(): LineReader {
  let rest = "";
  return {
    get pending() {
      return rest.length;
    },
    push(piece) {
      const lines = (rest + piece).split("\n");
      rest = (lines.pop() ?? "").slice(0, maxLineLength);
      return lines.flatMap(readLine);
    },
    end() {
      const lines = readLine(rest);
      rest = "";
      return lines;
    },
  };
}

function readLine(line: string): ProgramLine[] {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  if (text === "") return [];
  if (!text.startsWith(marker)) return [{ type: "text", text }];
  const event = Event.safeParse(parseJson(text.slice(marker.length))).data;
  if (event === undefined) return [{ type: "text", text }];
  switch (event.type) {
    case "progress": {
      const { type, ...progress } = event;
      return [{ type, progress: toProgress(progress) }];
    }
    case "result":
      return [{ type: "result", value: event.value }];
    case "failure":
      return [
        {
          type: "failure",
          error: new LovageError(event.code, event.message, { ...event, retryable: event.retry }),
        },
      ];
  }
}
