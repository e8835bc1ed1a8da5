import { pino } from "pino";
import type { Logger } from "./logger.ts";

/** What of pino's own a line is made with: see its `pino.symbols`, which are for such integrations. */
interface Rendering {
  [pino.symbols.asJsonSym](fields: object, message: string, level: number, time: string): string;
  [pino.symbols.timeSym](): string;
  [pino.symbols.streamSym]: { write(line: string): void; [pino.symbols.needsMetadataGsym]?: boolean };
}

/** A line at level info that a busy worker writes thousands of times a second. */
export type RepeatedLine = (...varying: readonly (string | number)[]) => void;

const timePlace = ',"time":"@time@"';

/**
 * Renders a line once, by pino, and from then on only fills in what varies: looking for secrets in each line and putting
 * it together anew took more time than a small job. For names and numbers, nothing else: nothing is looked for in what varies.
 * @param fields the line's fields that stay as they are; null where one varies, in the order of the call's arguments
 */
export function repeatedLine(
  logger: Logger,
  fields: Readonly<Record<string, string | number | null>>,
  message: string,
): RepeatedLine {
  const places = Object.entries(fields).flatMap(([name, value]) => (value === null ? [name] : []));
  const holding = (value: string | number | null, name: string) => value ?? `@${name}@`;
  const rendering = logger as unknown as Rendering;
  const stream = rendering[pino.symbols.streamSym];
  // Such a stream wants the line's parts as well.
  if (stream[pino.symbols.needsMetadataGsym] === true) {
    return (...varying) => {
      let next = 0;
      const filled = Object.entries(fields).map(([name, value]) => [name, value ?? varying[next++]]);
      logger.info(Object.fromEntries(filled), message);
    };
  }
  const held = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, holding(value, name)]),
  );
  const info = logger.levels.values["info"] ?? 30;
  const line = rendering[pino.symbols.asJsonSym](held, message, info, timePlace);
  const [head = "", ...rest] = cut(line, [timePlace, ...places.map((name) => `"@${name}@"`)]);
  let at = 0;
  let time = "";

  return (...varying) => {
    if (!logger.isLevelEnabled("info")) return;
    const now = Date.now();
    if (now !== at) {
      at = now;
      time = rendering[pino.symbols.timeSym]();
    }
    let text = head + time + rest[0];
    for (let index = 0; index < varying.length; index += 1) {
      const value = varying[index] as string | number;
      text += (typeof value === "number" ? value : JSON.stringify(value)) + (rest[index + 1] as string);
    }
    stream.write(text);
  };
}

/** A text's pieces between places that stand in it once each, in this order. */
function cut(text: string, places: readonly string[]): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const place of places) {
    const to = text.indexOf(place, from);
    pieces.push(text.slice(from, to));
    from = to + place.length;
  }
  return [...pieces, text.slice(from)];
}
