import { createClient, LovageError } from "lovage/http";
import type { Tasks } from "#tasks";

// The address of a dashboard, and a key made by `lovage keys`. No Redis is spoken to.
const { LOVAGE_URL: url = "", LOVAGE_API_KEY: apiKey = "" } = process.env;
const client = createClient<Tasks>({ url, apiKey });

// Typed as ever; a call whose line is cut is sent again, and makes one job.
const job = await client.enqueue("tasks.simple_tasks.ping", {}, { delay: "2s" });

// Live, by server-sent events; a stream that is cut goes on where it was.
for await (const event of job.events()) console.log("event:", event.type);

// By long polls, until the job ends or the time is over.
const { status } = await job.result({ timeout: "30s" });
console.log("result:", status);

// Errors are the same as over Redis.
await client.enqueue("tasks.simple_tasks.ping", { loud: true } as never).catch((error) => {
  if (error instanceof LovageError) console.log("refused:", error.code);
});

await client.close();
