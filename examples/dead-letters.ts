import { createClient } from "#client";
import type { Tasks } from "#tasks";

const client = createClient<Tasks>({
  redis: { url: process.env["REDIS_URL"], prefix: process.env["REDIS_PREFIX"] },
});
const { deadLetters } = client;
const task = "tasks.simple_tasks.send_notification";

// No webhook is configured here, so this fails for good.
const note = { subject: "Nightly run", message: "All models are trained." };
const failed = await client.enqueue(task, { ...note, channels: ["webhook"] }, { tags: ["nightly"] });
await failed.result({ timeout: "30s" }).catch(() => {});

const { jobs } = await deadLetters.list({ task, tag: "nightly", since: "1d", limit: 20 });
for (const { error, input } of jobs) console.log(error?.code, (input as typeof note).subject);

// A new job with another input; both name each other.
const replay = await deadLetters.replay(failed.id, { input: { ...note, channels: ["log"] } });
await replay.result({ timeout: "30s" });
console.log("replay of the dead job:", (await replay.snapshot()).replayOf === failed.id);
console.log("dead job's replay:", (await deadLetters.get(failed.id)).replayedBy === replay.id);

// All that fit; what was replayed already is skipped.
const { matched, replayed, skipped } = await deadLetters.replayMany({ task, tag: "nightly" });
console.log({ matched, replayed, skipped });

await deadLetters.discard(failed.id);
console.log("left:", (await deadLetters.list({ task })).jobs.length);

await client.close();
