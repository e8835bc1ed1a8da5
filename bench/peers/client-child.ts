import * as z from "zod";
import { type Child, type ChildOptions, startChild } from "../child.ts";
import type { Ground } from "../ground.ts";
import type { Client, Order } from "../peer.ts";

const none = z.object({ none: z.literal(true) }).transform(() => undefined);
const Seconds = z.object({ seconds: z.number() }).transform(({ seconds }) => seconds);
const Times = z.object({ times: z.array(z.number()) }).transform(({ times }) => times);
const Composed = z.object({ seconds: z.number(), sum: z.number() });

/** Starts a client's program, which prints a line when it is ready and then carries out orders. */
export async function startClientChild(
  ground: Ground,
  options: Pick<ChildOptions, "name" | "command" | "environment">,
): Promise<Client> {
  return clientOf(await startChild(ground, { ...options, ready: "line" }));
}

function clientOf(child: Child): Client {
  const ask = (order: Order) => child.ask(order);
  return {
    enqueue: async (jobs, inFlight) => Seconds.parse(await ask({ do: "enqueue", jobs, inFlight })),
    bulk: async (jobs) => z.union([none, Seconds]).parse(await ask({ do: "bulk", jobs })),
    call: async (calls) => Times.parse(await ask({ do: "call", calls })),
    compose: async (shape, size) =>
      z.union([none, Composed]).parse(await ask({ do: "compose", shape, size })),
    stop: () => child.stop(),
  };
}
