import { parseArgs } from "node:util";

/** What the command line of the suite asks for. */
export interface BenchArguments {
  /** Small counts and few rounds: whether all works, and a first look. */
  quick: boolean;
  /** One JSON document on standard output instead of a table. */
  json: boolean;
  /** Names of shapes, or of figures of theirs; undefined: all. */
  only: readonly string[] | undefined;
  /** Names of peers; undefined: all. */
  peers: readonly string[] | undefined;
  /** Instead of each shape's own number of rounds. */
  rounds: number | undefined;
}

/** What `--help` prints. */
export const usage = `usage: node bench/bench.ts [--quick] [--json] [--only shape,…] [--peers peer,…] [--rounds N]

Measures Lovage side by side with its peers in interleaved rounds. Progress goes to standard error.
  --quick    small counts and few rounds
  --json     one JSON document on standard output, for bench/plots.ts
  --only     only these shapes; a figure's name means its shape
  --peers    only these peers; what a shape compares with is always measured
  --rounds   so many rounds of each shape
`;

/**
 * Reads the arguments.
 * @throws Error naming the fault
 */
export function readArguments(args: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      only: { type: "string" },
      peers: { type: "string" },
      rounds: { type: "string" },
    },
  });
  const { quick, json, only, peers, rounds } = values;
  if (rounds !== undefined && !/^[1-9]\d?$/.test(rounds))
    throw new Error(`--rounds is no whole number from 1 to 99: ${rounds}`);
  return {
    quick,
    json,
    only: only?.split(","),
    peers: peers?.split(","),
    rounds: rounds === undefined ? undefined : Number(rounds),
  };
}
