import type { Redis } from "ioredis";
import type { Broker } from "./broker.ts";

/** What a process hears on Redis' channels, over one connection; ioredis subscribes again after a lost one. */
export interface Subscriber {
  /** Hears a channel from the start on, or, when it has started, from when this resolves. */
  hear(channel: string, listener: (message: string) => void): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createSubscriber(broker: Broker): Subscriber {
  const listeners = new Map<string, (message: string) => void>();
  let connection: Redis | undefined;
  let starting: Promise<void> | undefined;

  async function open(): Promise<void> {
    connection = broker.duplicate();
    connection.on("message", (channel, message) => listeners.get(channel)?.(message));
    await connection.connect();
    if (listeners.size > 0) await connection.subscribe(...listeners.keys());
  }

  return {
    async hear(channel, listener) {
      listeners.set(channel, listener);
      await starting;
      await connection?.subscribe(channel);
    },
    start() {
      starting ??= open();
      return starting;
    },
    async stop() {
      connection?.disconnect();
    },
  };
}
