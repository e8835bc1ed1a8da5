import { closest, distance } from "fastest-levenshtein";

/** The known name that is most like a misspelt one, or undefined when none is near enough to be meant. */
export function suggestion(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const candidate = closest(name, [...known]);
  return distance(name, candidate) <= Math.max(2, Math.floor(name.length / 4)) ? candidate : undefined;
}
