import { createClient, LovageError } from "#client";
import type { Tasks } from "#tasks";

const client = createClient<Tasks>({
  redis: { url: process.env["REDIS_URL"], prefix: process.env["REDIS_PREFIX"] },
});

// What happens to the jobs of a queue from now on, until the loop is left.
const job = await client.enqueue("tasks.simple_tasks.ping", {}, { delay: "1s" });
for await (const event of client.events({ queues: ["default"] })) {
  console.log("event:", event.type);
  if (event.type === "completed") break;
}

// The output has the task's type.
const { status } = await job.result({ timeout: "30s" });
console.log("result:", status);

// One job to its end; of one that has ended, the end alone.
for await (const event of job.events()) console.log("its end:", event.type);

const { state, attempt, attempts, worker } = await job.snapshot();
console.log(`${state} in attempt ${attempt} of ${attempts} by ${worker}`);

// Gone before retention removes it; an unknown id is an error, never "pending".
await job.forget();
await client.get(job.id).catch((error) => {
  if (error instanceof LovageError) console.log("get:", error.code);
});

await client.close();
