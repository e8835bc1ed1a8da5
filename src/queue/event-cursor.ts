import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { Broker } from "./broker.ts";
import { newestPosition } from "./event-reader.ts";
import type { EventCursor } from "./live-event.ts";

/** Positions in the queues' streams as one opaque text. */
export function encodeCursor(positions: ReadonlyMap<string, string>): EventCursor {
  return Buffer.from(JSON.stringify(Object.fromEntries(positions))).toString("base64url");
}

/** The cursor after which lies what has not happened yet. */
export async function presentCursor(broker: Broker, queues: readonly string[]): Promise<EventCursor> {
  const positions = queues.map(async (queue) => [queue, await newestPosition(broker, queue)] as const);
  return encodeCursor(new Map(await Promise.all(positions)));
}

/** @throws LovageError `INPUT_INVALID` */
export function decodeCursor(cursor: EventCursor): Map<string, string> {
  const found = parseJson(Buffer.from(String(cursor), "base64url").toString());
  const positions = typeof found === "object" && found !== null ? Object.entries(found) : [];
  if (positions.length > 0 && positions.every(([, position]) => /^\d{1,16}-\d{1,16}$/.test(String(position))))
    return new Map(positions);
  throw new LovageError("INPUT_INVALID", `since is no cursor of an event: ${JSON.stringify(cursor)}`, {
    field: "since",
    value: cursor,
    hint: "give the `cursor` of the last event that you have dealt with, or leave since out",
  });
}
