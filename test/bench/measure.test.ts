import { expect, test } from "vitest";
import type { Ground } from "../../bench/ground.ts";
import { measure } from "../../bench/measure.ts";
import type { Session, Shape } from "../../bench/shape.ts";

const session: Session = {
  ground: {} as Ground,
  quick: true,
  peer: () => {
    throw new Error("nobody is asked for");
  },
};
const shape = {
  name: "scripted",
  method: "by hand",
  figures: [{ name: "speed", title: "speed", unit: "jobs/s", better: "more" }],
  peers: ["lovage", "bullmq"],
  baseline: "bullmq",
  rounds: { normal: 2, quick: 2 },
} as const;

test("the order changes from round to round, and a run that breaks off leaves the others their figures", async () => {
  const ran: string[] = [];
  let closed = 0;
  const scripted: Shape = {
    ...shape,
    open: async () => ({
      async run(peer, round) {
        ran.push(peer);
        if (peer === "bullmq" && round === 0) throw new Error("it fell over");
        return { speed: 10 * (round + 1) };
      },
      async close() {
        closed += 1;
      },
    }),
  };
  const { results, faults } = await measure(scripted, session, 2);
  expect(ran).toEqual(["lovage", "bullmq", "bullmq", "lovage"]);
  expect(faults).toEqual([
    { shape: "scripted", peer: "bullmq", round: 1, error: expect.stringContaining("it fell over") },
  ]);
  expect(results[0]?.peers.map(({ peer, rounds, ratio }) => ({ peer, rounds, ratio }))).toEqual([
    { peer: "lovage", rounds: [10, 20], ratio: 1 },
    { peer: "bullmq", rounds: [null, 20], ratio: 1 },
  ]);
  expect(closed).toBe(1);
});

test("a shape that cannot be opened is a fault and no figure", async () => {
  const broken: Shape = { ...shape, open: () => Promise.reject(new Error("no Ray here")) };
  const { results, faults } = await measure(broken, session, 2);
  expect(results).toEqual([]);
  expect(faults).toMatchObject([
    { shape: "scripted", peer: "all", error: expect.stringContaining("no Ray") },
  ]);
});
