import { createClient } from "#client";
import { catalogue, type Tasks } from "./tasks.ts";

const redis = { url: process.env["REDIS_URL"], prefix: process.env["REDIS_PREFIX"] };
type Training = Tasks["limits.train"]["output"];
const client = createClient<Tasks>({ redis, catalogue });

// Five mails at two a second: the first begins two seconds before the last.
const mails = ["ann", "ben", "cat", "dan", "eve"].map(
  (to) => ({ task: "limits.mail", input: { to } }) as const,
);
const sent = await client.enqueueMany(mails);
await Promise.all(sent.map((job) => job.result({ timeout: "1m" })));
const times = await Promise.all(sent.map(async (job) => (await job.snapshot()).endedAt?.getTime() ?? 0));
const apart = Math.max(...times) - Math.min(...times);
console.log("more than a second between the mails:", apart > 1000 ? "yes" : "no");

// Two jobs of one model run one after the other, that of another model beside them.
const trainings = ["wheat", "wheat", "rye"].map(
  (model) => ({ task: "limits.train", input: { model } }) as const,
);
const trained = await client.enqueueMany(trainings);
const runs = await Promise.all(trained.map((job) => job.result({ timeout: "1m" })));
const [first, second] = runs as [Training, Training, Training];
console.log("at the same time:", first.from < second.to && second.from < first.to ? "yes" : "no");

// A soft limit is heard and may end well; this call's own one is longer.
const crawl = await client.enqueue("limits.crawl", { pages: 50 });
console.log("crawl:", await crawl.result({ timeout: "1m" }));
const longer = await client.enqueue("limits.crawl", { pages: 50 }, { softTimeLimit: "4s" });
console.log("crawl:", await longer.result({ timeout: "1m" }));

// A hard limit ends what hears nothing.
const crunch = await client.enqueue("limits.crunch", { seconds: 60 });
await crunch.result({ timeout: "1m" }).catch(({ code }) => console.log("crunch:", code));

// A task asks to be run again.
const poll = await client.enqueue("limits.poll", {});
console.log("poll:", await poll.result({ timeout: "1m" }));

await client.close();
