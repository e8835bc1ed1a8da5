/** The client's side of the orders in `peer.ts`, for programs on Node. */

import { createInterface } from "node:readline";
import { type CanvasShape, type Order, unknownHere } from "../peer.ts";

/** What a client's program can do; the calls only, the clock is here. */
export interface Calls {
  enqueue(): Promise<unknown>;
  bulk(jobs: number): Promise<unknown>;
  /** Enqueues and waits for the result. */
  call(): Promise<unknown>;
  /** Resolves to the sum the composition comes to. */
  compose?(shape: CanvasShape, size: number): Promise<number>;
  close(): Promise<unknown>;
}

const perBulk = 1000;

/** Carries out orders until it is told to stop. */
export async function serveCalls(calls: Calls): Promise<void> {
  process.once("SIGTERM", async () => {
    await calls.close();
    process.exit(0);
  });
  console.log(JSON.stringify("ready"));
  for await (const line of createInterface({ input: process.stdin }))
    console.log(JSON.stringify(await answer(calls, JSON.parse(line) as Order)));
}

async function answer(calls: Calls, order: Order): Promise<unknown> {
  switch (order.do) {
    case "enqueue":
      return secondsOf(() => inFlight(order.jobs, order.inFlight, calls.enqueue));
    case "bulk":
      return secondsOf(async () => {
        for (let left = order.jobs; left > 0; left -= perBulk) await calls.bulk(Math.min(left, perBulk));
      });
    case "call": {
      const times: number[] = [];
      for (let index = 0; index < order.calls; index += 1) {
        const begun = performance.now();
        await calls.call();
        times.push(performance.now() - begun);
      }
      return { times };
    }
    case "compose": {
      if (calls.compose === undefined) return unknownHere;
      const begun = performance.now();
      const sum = await calls.compose(order.shape, order.size);
      return { seconds: (performance.now() - begun) / 1000, sum };
    }
  }
}

async function secondsOf(work: () => Promise<unknown>): Promise<{ seconds: number }> {
  const begun = performance.now();
  await work();
  return { seconds: (performance.now() - begun) / 1000 };
}

async function inFlight(jobs: number, width: number, enqueue: () => Promise<unknown>): Promise<void> {
  let left = jobs;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await enqueue();
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}
