/** Prints docs/errors.md from the table of codes; a test compares the two. */
import { errorCodes } from "../src/core/errors.ts";

const rows = Object.entries(errorCodes).map(
  ([code, { retryable, meaning }]) => `| \`${code}\` | ${retryable ? "yes" : "no"} | ${meaning} |`,
);
process.stdout.write(
  `${[
    "# Errors",
    "",
    'Match on the `code` of an error: texts may change, codes never do. "Again" says whether another attempt can help; an',
    "error may say otherwise of itself. Programs on Ray bring codes of their own ([program-errors.md](program-errors.md)),",
    "and Ray's client those of its [README](../src/ray-client-http/README.md).",
    "",
    "| code | again | meaning |",
    "| --- | --- | --- |",
    ...rows,
  ].join("\n")}\n`,
);
