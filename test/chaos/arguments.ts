import { parseArgs } from "node:util";
import type { Fault } from "./fault.ts";

export interface ChaosArguments {
  quick: boolean;
  json: boolean;
  seed: number;
  rounds: number | undefined;
  faults: readonly Fault[];
}

/**
 * Reads the command line.
 * @throws Error with what is wrong, and what there is
 */
export function readArguments(args: readonly string[], all: readonly Fault[]): ChaosArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      seed: { type: "string" },
      rounds: { type: "string" },
      only: { type: "string" },
    },
  });
  return {
    quick: values.quick,
    json: values.json,
    seed: whole("seed", values.seed, 0) ?? Math.floor(Math.random() * 2 ** 31),
    rounds: whole("rounds", values.rounds, 1),
    faults: values.only === undefined ? all : values.only.split(",").map((name) => named(name, all)),
  };
}

function whole(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d{1,10}$/.test(text) && number >= least && number < 2 ** 32) return number;
  throw new Error(`--${name} is no whole number from ${least} on: ${text}`);
}

function named(name: string, all: readonly Fault[]): Fault {
  const found = all.find((fault) => fault.name === name);
  if (found !== undefined) return found;
  throw new Error(`there is no fault ${name}; there are ${all.map((fault) => fault.name).join(", ")}`);
}
