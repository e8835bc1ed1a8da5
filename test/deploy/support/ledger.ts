import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { succeeds } from "./command.ts";
import { onServer, type Server } from "./lab.ts";

/**
 * Adds two tasks to a copy of the checkout, which write a line for every execution into a file of /models: what has
 * happened, as opposed to what is said of it. `tasks.lab.ledger` runs in the worker, `tasks.lab.ray_ledger` on Ray.
 */
export async function addLedger(folder: string): Promise<void> {
  await writeFile(
    join(folder, "tasks/lab_tasks.ts"),
    `import { appendFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { defineRayTask, defineTask } from "#task";

const Entry = z.strictObject({ name: z.string(), seconds: z.number() });

export const ledger = defineTask({
  name: "tasks.lab.ledger",
  queue: "default",
  input: Entry,
  output: z.strictObject({}),
  async run({ name, seconds }, context) {
    await appendFile("/models/ledger", \`begun \${name}\\n\`);
    await sleep(seconds * 1000, undefined, { signal: context.signal });
    await appendFile("/models/ledger", \`ended \${name}\\n\`);
    return {};
  },
});

export const rayLedger = defineRayTask({
  name: "tasks.lab.ray_ledger",
  queue: "ml",
  input: Entry,
  output: z.strictObject({}),
  program: "lab_ledger.py",
});
`,
  );
  await writeFile(
    join(folder, "tasks/ray_jobs/lab_ledger.py"),
    `import os
import time

import lovage_job


class Entry(lovage_job.Model):
    name: str
    seconds: float


def main(entry: Entry, job: lovage_job.Job) -> dict:
    def note(what: str) -> None:
        with open(os.path.join(job.models_dir, "ledger"), "a") as file:
            file.write(f"{what} {entry.name}\\n")

    note("begun")
    for second in range(int(entry.seconds)):
        job.progress(second / entry.seconds, f"second {second}")
        time.sleep(1)
    note("ended")
    return {}


if __name__ == "__main__":
    lovage_job.run(main, Entry)
`,
  );
  await edit(folder, "tasks/index.ts", (text) =>
    `import { ledger, rayLedger } from "./lab_tasks.ts";\n${text}`.replace(
      "  ping,\n",
      "  ping,\n  ledger,\n  rayLedger,\n",
    ),
  );
}

/** Changes a file of a copy; fails when nothing changes. */
export async function edit(folder: string, file: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(join(folder, file), "utf8");
  const after = change(before);
  if (after === before) throw new Error(`${file} did not change`);
  await writeFile(join(folder, file), after);
}

/** A change that makes a new release and does nothing else. */
export async function touchSource(folder: string, words: string): Promise<void> {
  await appendFile(join(folder, "tasks/simple_tasks.ts"), `// ${words}\n`);
}

/** How often each entry was begun and ended, by its name. */
export async function readLedger(
  server: Server = "server84",
): Promise<Record<string, { begun: number; ended: number }>> {
  const { stdout } = await succeeds(
    onServer("sh", ["-c", "cat /home/wizardsofts/ml-models/ledger 2>/dev/null || true"], { server }),
  );
  const entries: Record<string, { begun: number; ended: number }> = {};
  for (const line of stdout.split("\n").filter(Boolean)) {
    const [what, name = ""] = line.split(" ");
    entries[name] ??= { begun: 0, ended: 0 };
    const entry = entries[name];
    if (what === "begun") entry.begun += 1;
    else if (what === "ended") entry.ended += 1;
    else throw new Error(`a line of the ledger that cannot be read: ${line}`);
  }
  return entries;
}
