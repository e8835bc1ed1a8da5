import * as z from "zod";

/**
 * How far a program's work spread over the cluster; `nodes_used.py` counts it. Reports have it as an optional field: a
 * program that an earlier release submitted may end under this one.
 */
export const NodesUsed = z
  .strictObject({ used: z.int(), of: z.int() })
  .describe("Nodes that did some of the work, of those that were alive");
