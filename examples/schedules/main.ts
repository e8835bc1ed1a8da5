import { createClient } from "#client";
import { catalogue, type Tasks } from "./tasks.ts";

const client = createClient<Tasks>({
  redis: { url: process.env["REDIS_URL"], prefix: process.env["REDIS_PREFIX"] },
  catalogue,
});
const { schedules } = client;

for (const { name, timing, origin } of await schedules.list())
  console.log(name, JSON.stringify(timing), origin);

const job = await schedules.run("report-eu");
console.log(await job.result());

// The clocks went forward in that night: half past two came at half past three.
const nights = { from: "2026-03-28T00:00:00Z", to: "2026-03-30T23:59:59Z" };
for (const { at, job, existing } of await schedules.backfill("report-eu", nights))
  console.log(at.toISOString(), job.id, existing ? "was there" : "made");

const paused = await schedules.pause("books.prices", { by: "me", note: "the shop moves" });
console.log("paused:", paused.paused?.note, "next:", paused.next);
await schedules.resume("books.prices");

const made = await schedules.create("books.report", {
  name: "launch-day",
  every: "1h",
  start: "2099-01-01T08:10:00Z",
  limit: 3,
  input: { region: "everywhere" },
});
console.log(
  made.name,
  (await schedules.next(made.name)).map((time) => time.toISOString()),
);
await schedules.remove(made.name);
await client.close();
