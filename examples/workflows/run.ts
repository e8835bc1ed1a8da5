import { chain, chord, createClient, group, map, signature } from "#client";
import { catalogue, type ExampleTasks, pickBest, trainModel } from "./tasks.ts";

const client = createClient<ExampleTasks>({
  redis: { url: process.env["REDIS_URL"], prefix: process.env["REDIS_PREFIX"] },
  catalogue,
});

// A workflow is called like any task.
const job = await client.enqueue("example.nightly", { datasets: ["north", "south", "west"] });
console.log(await job.result());

// Without writing one: the body of a chord is called once, with all results in order.
const chorded = await client.start(
  chord(
    ["a.csv", "longer.csv"].map((dataset) => signature(trainModel, { dataset })),
    signature(pickBest),
  ),
);
console.log("chord:", await chorded.result());

// A chain gives each call the result of the one before; a task after a group gets all of its results.
const chained = await client.start(
  chain(
    group([signature(trainModel, { dataset: "x" }), signature(trainModel, { dataset: "yy" })]),
    signature(pickBest),
  ),
);
console.log("chain:", await chained.result());

// One task for many inputs. With `collect` a failure is a result like any other.
const mapped = await client.start(map(trainModel, [{ dataset: "east", depth: 5 }, { dataset: "coast" }]));
console.log(
  "map:",
  (await mapped.result()).map(({ score }) => score),
);

await client.close();
