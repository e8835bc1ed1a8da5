import { deflateRawSync, inflateRawSync } from "node:zlib";
import * as z from "zod";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";

const SetPlace = z.object({
  score: z.number(),
  id: z.string(),
  /** Whether this member itself is the next one; else it is the last that was looked at. */
  next: z.boolean(),
});

const ListPlace = z.object({
  /** The last ones looked at, the very last first; one that is gone does not lose the place. */
  passed: z.array(z.string()).max(8),
  /** The next ones. */
  next: z.array(z.string()).max(8),
  /** The one that was to be taken first. */
  end: z.string(),
  /** Where the next one was, and how many were left from it on. */
  index: z.number(),
  left: z.number(),
});

const Place = z.object({
  set: SetPlace.optional(),
  list: ListPlace.optional(),
  /** How far from now the last job was that was found here, in milliseconds: what follows is no nearer. */
  floor: z.number(),
});

const Cursor = z.object({
  /** When the search began: what came to its place later is not looked at, lest a job that moves be found twice. */
  at: z.number(),
  looked: z.number(),
  total: z.number(),
  /** By source; one that is not there has been looked through. */
  places: z.record(z.string(), Place),
  /** Marks of the jobs given that may turn up again among the waiting ones. */
  given: z.array(z.string()).max(1000),
});

const mostBytes = 256 * 1024;

/** Where a sorted set is gone on with. */
export type SetPlace = z.infer<typeof SetPlace>;
/** Where a list is gone on with, though it grows at one end and shrinks at the other. */
export type ListPlace = z.infer<typeof ListPlace>;
/** Where a source is gone on with; neither: at its beginning. */
export type Place = z.infer<typeof Place>;
/** Where a search is gone on with. */
export type Cursor = z.infer<typeof Cursor>;

export function encodeCursor(cursor: Cursor): string {
  // It travels in URLs, of which proxies take some 8 kB.
  return deflateRawSync(JSON.stringify(cursor)).toString("base64url");
}

/** @throws LovageError `INPUT_INVALID` */
export function decodeCursor(text: string): Cursor {
  const found = Cursor.safeParse(unpack(text));
  if (found.success) return found.data;
  throw new LovageError("INPUT_INVALID", "the cursor is none of a search", {
    field: "cursor",
    value: text,
    hint: "give the `cursor` of the last answer, or leave it out",
  });
}

/** Undefined for what is none, or would unpack to more than any cursor has. */
function unpack(text: string): unknown {
  try {
    const packed = Buffer.from(text, "base64url");
    return parseJson(inflateRawSync(packed, { maxOutputLength: mostBytes }).toString());
  } catch {
    return undefined;
  }
}
