import type { AnyTask } from "../task/catalogue.ts";

export interface BannerFacts {
  version: string;
  name: string;
  queues: readonly { name: string; concurrency: number }[];
  /** Without the password. */
  redis: string;
  ray: string;
  tasks: readonly AnyTask[];
}

/** What a worker says of itself before it is ready, as Celery's does. */
export function renderBanner(facts: BannerFacts): string {
  const rows = [
    ["worker", facts.name],
    ["redis", facts.redis],
    ["ray", facts.ray],
    ["queues", facts.queues.map((queue) => `${queue.name} (concurrency ${queue.concurrency})`).join(", ")],
  ];
  const width = Math.max(...facts.tasks.map((task) => task.name.length));
  const tasks = facts.tasks.map((task) => {
    const where = task.ray === undefined ? "" : `  (Ray: ${task.ray.program})`;
    return `  . ${where === "" ? task.name : task.name.padEnd(width)}${where}`;
  });
  return [
    "",
    ` lovage ${facts.version}`,
    ...rows.map(([label, value]) => `  ${(label ?? "").padEnd(8)}${value}`),
    "",
    "[tasks]",
    ...(tasks.length > 0 ? tasks : ["  (none for these queues)"]),
    "",
  ].join("\n");
}
