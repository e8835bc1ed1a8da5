import { createClient, LovageError } from "#client";
import type { Tasks } from "#tasks";

const client = createClient<Tasks>({
  redis: { url: process.env["REDIS_URL"], prefix: process.env["REDIS_PREFIX"] },
});
const task = "tasks.simple_tasks.send_notification";
const note = { subject: "Nightly run", message: "All models are trained." };

// Made once, however often the caller tries.
const once = { idempotencyKey: "nightly-2027-01-31", tags: ["nightly"], metadata: { owner: "ann" } };
const first = await client.enqueue(task, note, once);
const again = await client.enqueue(task, note, once);
console.log("one job:", again.id === first.id);
await client.enqueue(task, { ...note, subject: "Another" }, once).catch((error) => {
  if (error instanceof LovageError) console.log("another input:", error.code);
});

// Later, but never too late; and after everything that is more urgent.
const later = await client.enqueue(task, note, { delay: "10m", expires: "1h", priority: 9 });
console.log("later:", await later.state());
await later.cancel("no longer wanted");

// Ten changes within two seconds are one job, with what the last one said.
const debounced = [];
for (let change = 1; change <= 10; change += 1) {
  const input = { ...note, subject: `Change ${change}` };
  debounced.push(
    await client.enqueue(task, input, { deduplication: { key: "changes", mode: "debounce", ttl: "2s" } }),
  );
}
console.log("debounced:", await debounced[9]?.state());

// Many at once, and each result in its place.
const pings = await client.enqueueMany(
  [1, 2, 3].map(() => ({ task: "tasks.simple_tasks.ping", input: {} }) as const),
);
const results = await Promise.all(pings.map((job) => job.result({ timeout: "30s" })));
console.log("results:", results.length);

await client.close();
