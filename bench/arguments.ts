import { parseArgs } from "node:util";

/** Whole numbers by option name: what each is normally, and with `--quick`. */
type Counts = Record<string, { normal: number; quick: number }>;

export interface BenchArguments<C extends Counts> {
  json: boolean;
  counts: { [Name in keyof C]: number };
  /** The options that are text; undefined when not given. */
  texts: Record<string, string | undefined>;
}

/** Reads the command line of a benchmark: `--json`, `--quick`, its counts and its texts; ends with 2 on a wrong one. */
export function readArguments<C extends Counts>(counts: C, texts: readonly string[] = []): BenchArguments<C> {
  try {
    const options = Object.fromEntries(
      [...Object.keys(counts), ...texts].map((name) => [name, { type: "string" as const }]),
    );
    const { values } = parseArgs({
      options: { json: { type: "boolean" }, quick: { type: "boolean" }, ...options },
    });
    const given = values as Record<string, string | boolean | undefined>;
    const read = Object.entries(counts).map(([name, { normal, quick }]) => {
      const text = given[name];
      if (text === undefined) return [name, given["quick"] === true ? quick : normal];
      if (!/^[1-9]\d{0,6}$/.test(String(text))) throw new Error(`--${name} is no whole number: ${text}`);
      return [name, Number(text)];
    });
    return {
      json: given["json"] === true,
      counts: Object.fromEntries(read),
      texts: Object.fromEntries(texts.map((name) => [name, given[name] as string | undefined])),
    };
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    process.exit(2);
  }
}
