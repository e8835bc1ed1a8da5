/**
 * The longest part of a text that stands in JSON as it is, whoever wrote that: no quotes, no slashes, nothing that may be
 * written as an escape. Undefined where there is none.
 */
export function plainRun(text: string | undefined): string | undefined {
  const runs = text?.match(/[\x20-\x7e]+/g)?.flatMap((run) => run.split(/["\\/<>&',:{}[\]]/)) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  return longest === "" ? undefined : longest;
}

/**
 * Whether a text is in some JSON, whatever its case: as a person would read it in a string, or as a piece of the JSON
 * itself, without spaces between its parts. How the writer escaped characters does not matter.
 */
export function isInJson(text: string, value: unknown): boolean {
  const json = JSON.stringify(value)?.toLowerCase();
  if (json === undefined) return false;
  const wanted = text.toLowerCase();
  return json.includes(wanted) || json.includes(JSON.stringify(wanted).slice(1, -1));
}
