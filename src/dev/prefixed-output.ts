import { createColors } from "picocolors";

type Colors = ReturnType<typeof createColors>;
const palette = ["cyan", "yellow", "green", "magenta", "blue", "red"] as const satisfies (keyof Colors)[];

/**
 * Lines of several processes on one stream, each with its process' name in front, padded and in a colour of its own.
 *
 * @param names all processes that will speak, in the order of their colours
 * @param colors whether the stream shows colours
 */
export function prefixedOutput(
  stream: { write(text: string): unknown },
  names: readonly string[],
  colors: boolean,
): (name: string, line: string) => void {
  const width = Math.max(...names.map((name) => name.length));
  const paint = createColors(colors);
  const prefixes = new Map(
    names.map((name, index) => [
      name,
      paint[palette[index % palette.length] ?? "cyan"](`${name.padEnd(width)} |`),
    ]),
  );
  return (name, line) => {
    stream.write(`${prefixes.get(name) ?? `${name} |`} ${line}\n`);
  };
}
