/** The value of a JSON text, or undefined where the text is none: for what others may have written. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
