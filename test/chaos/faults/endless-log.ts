import type { Fault } from "../fault.ts";
import { floodWorker, keptLines } from "../flooded.ts";

/** Tasks that never stop writing lines. */
export const endlessLog: Fault = {
  name: "endless-log",
  title: "Tasks never stop writing to their log, to the worker's and to standard output",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  run: (round) =>
    floodWorker(round, async (client) => {
      const seconds = round.quick ? 3 : 10;
      const wrong: string[] = [];
      const notes = { linesToLog: 0, linesElsewhere: 0, linesKept: 0 };
      const floods = (["log", "log, not waited for", "logger", "console"] as const).map(async (into) => {
        const job = await client.enqueue("chaos.chatter", { seconds, into });
        const { told } = await job.result({ timeout: "60s" });
        const lines = await Array.fromAsync(job.logs());
        if ((await job.snapshot()).attempt !== 1)
          wrong.push(`the task that wrote to the ${into} was run again`);
        if (!into.startsWith("log,") && into !== "log") {
          notes.linesElsewhere += told;
          return;
        }
        notes.linesToLog += told;
        notes.linesKept += lines.length;
        const numbers = lines.flatMap((line) => /^line (\d+) /.exec(line)?.[1] ?? []).map(Number);
        if (lines.length > keptLines) wrong.push(`${lines.length} lines are kept of the ${into}`);
        if (numbers.at(-1) !== told) wrong.push(`of ${told} lines ${numbers.at(-1)} is the last one kept`);
        if (numbers.length < Math.min(told, keptLines / 2))
          wrong.push(`only ${numbers.length} lines are kept`);
        if (numbers.some((value, at) => value <= (numbers[at - 1] ?? 0)))
          wrong.push("lines are out of order");
      });
      await Promise.all(floods);
      return { jobs: floods.length, wrong, notes };
    }),
};
