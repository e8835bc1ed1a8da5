import { createClient } from "#client";

const client = createClient({
  redis: { url: process.env["REDIS_URL"], prefix: process.env["REDIS_PREFIX"] },
});

// Which workers live, and do they answer?
const { answers, silent, dead } = await client.inspect.ping();
console.log("answered:", answers.map(({ worker }) => worker).join(", "));
console.log("did not:", [...silent, ...dead].join(", ") || "nobody");

// What do they run?
for (const { worker, answer } of (await client.inspect.active()).answers) {
  for (const job of answer) console.log(`${worker} runs ${job.id}, attempt ${job.attempt}`);
}

// Twice the slots for the queue default, until the workers are started again.
const { answers: changed } = await client.control.concurrency(4, { queue: "default" });
for (const { worker, answer } of changed) console.log(worker, "has", answer[0]?.concurrency, "slots");

// No more than thirty seconds for each attempt of a task; kept in Redis.
await client.control.timeLimit("test.echo", { soft: "25s", hard: "30s" });

// Cancel whatever carries a tag, running or not.
const { jobs } = await client.control.cancelMany({ tag: "nightly" }, { reason: "wrong dataset" });
for (const { id, outcome } of jobs.toSorted((a, b) => (a.id < b.id ? -1 : 1))) console.log(id, outcome);

await client.close();
