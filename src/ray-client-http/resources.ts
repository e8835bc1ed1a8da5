/** Resource names as they were declared; Ray's dashboard writes the keys of its pages in camel case. */
export type Restore = (name: string) => string;

const builtIn = ["object_store_memory", "node:__internal_head__"];

/** `declared` are the names found where Ray leaves them as they are. */
export function restoreNames(declared: Iterable<string>): Restore {
  const names = new Map<string, string>();
  for (const name of [...builtIn, ...declared]) names.set(camelCase(name), name);
  return (name) => names.get(name) ?? name;
}

// As Ray's `to_camel_case` does it: Python's title(), which begins anew after each character that is no letter.
function camelCase(name: string): string {
  const [first = "", ...rest] = name.split("_");
  return first + rest.map(title).join("");
}

function title(part: string): string {
  return part.toLowerCase().replace(/(?<!\p{L})\p{L}/gu, (letter) => letter.toUpperCase());
}
