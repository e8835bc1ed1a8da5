import type { Broker } from "./broker.ts";
import type { StreamEntry } from "./event-reader.ts";
import type { EntryFacts } from "./live-event.ts";
import { askOfEach } from "./scattered.ts";

interface Question {
  queue: string;
  entry: StreamEntry;
  needsLook: boolean;
}

/** How many jobs' tasks are remembered. */
const most = 10_000;

/** Finds out what the streams of events leave out: which task a job is of, and whether an attempt of it failed. */
export function createTaskNames(broker: Broker) {
  const known = new Map<string, string>();

  function remember(key: string, task: string): void {
    if (known.size >= most) known.clear();
    known.set(key, task);
  }

  return {
    /** One round trip for all that is not known. @param job the one job that is asked about, where it is only one */
    async look(
      questions: readonly Question[],
      job: { id: string; task: string } | undefined,
    ): Promise<Map<StreamEntry, EntryFacts>> {
      const facts = new Map<StreamEntry, EntryFacts>();
      const open: Question[] = [];
      for (const question of questions) {
        const { entry, queue, needsLook } = question;
        const key = `${queue}:${entry.fields["jobId"]}`;
        if (entry.fields["event"] === "added") remember(key, entry.fields["name"] ?? "");
        const task = job?.task ?? known.get(key);
        if (task === undefined || needsLook) open.push(question);
        facts.set(entry, { task, failedBefore: false });
      }
      if (open.length === 0) return facts;
      const jobs = open.map(({ queue, entry }) => ({ queue, id: entry.fields["jobId"] ?? "" }));
      const answers = await askOfEach(broker, jobs, (pipeline, key) => pipeline.hmget(key, "name", "atm"));
      for (const [index, { queue, entry }] of open.entries()) {
        const [name, failures] = (answers[index]?.[1] ?? []) as (string | null)[];
        if (typeof name === "string") remember(`${queue}:${entry.fields["jobId"]}`, name);
        facts.set(entry, {
          task: name ?? facts.get(entry)?.task,
          failedBefore: Number(failures ?? 0) > 0,
        });
      }
      return facts;
    },
  };
}
