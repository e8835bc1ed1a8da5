import type { Request, RequestHandler, Response } from "express";
import type { Client } from "../client/index.ts";
import { LovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { TaskTypes } from "../task/catalogue.ts";

/** What a page may wait for news of. */
export const topics = ["jobs", "queues", "workers", "schedules", "ray", "workflows"] as const;
export type Topic = (typeof topics)[number];

/** News for open pages: that something changed, never what; they ask for their part anew. */
export interface Live {
  readonly handler: RequestHandler;
  /** Something changed that the queues' events do not tell. */
  touch(...changed: Topic[]): void;
  /** Ends the streams of a session. */
  end(sessionId: string): void;
  stop(): void;
}

export interface LiveOptions {
  client: Pick<Client<TaskTypes>, "events">;
  logger: Logger;
  /** Whether whoever opened a stream is still logged in. */
  holds: (request: Request) => Promise<boolean>;
  /** Milliseconds between signs of life, at which logins are looked at, too. Default 15 s. */
  heartbeat?: number;
}

/** A topic is told once in so long at most, in milliseconds. */
const quiet = 1000;

/** What Redis does not tell of by events is looked at anew so often, in milliseconds. */
const rhythms: [milliseconds: number, topics: Topic[]][] = [
  [2000, ["workers"]],
  [5000, ["ray", "schedules"]],
];

const mostListeners = 500;

/** A listener that is so many bytes behind does not read any more. */
const mostBehind = 64 * 1024;

/** One look at the queues' events for all open pages, and none while there is no page. */
export function createLive({ client, logger, holds, heartbeat = 15_000 }: LiveOptions): Live {
  const listeners = new Map<Response, string>();
  const told = new Map<Topic, number>();
  const later = new Map<Topic, NodeJS.Timeout>();
  let stopFeed: (() => void) | undefined;

  function tell(topic: Topic): void {
    told.set(topic, Date.now());
    for (const response of listeners.keys()) {
      if (response.writableLength > mostBehind) response.destroy();
      else response.write(`event: ${topic}\ndata:\n\n`);
    }
  }

  function touch(...changed: Topic[]): void {
    if (listeners.size === 0) return;
    for (const topic of changed) {
      if (later.has(topic)) continue;
      const wait = (told.get(topic) ?? 0) + quiet - Date.now();
      if (wait <= 0) tell(topic);
      else {
        later.set(
          topic,
          setTimeout(() => {
            later.delete(topic);
            tell(topic);
          }, wait),
        );
      }
    }
  }

  function startFeed(): () => void {
    const over = new AbortController();
    const timers = rhythms.map(([milliseconds, due]) => setInterval(() => touch(...due), milliseconds));
    let events: AsyncIterableIterator<unknown> | undefined;
    const follow = async () => {
      while (!over.signal.aborted) {
        try {
          events = client.events();
          for await (const _event of events) touch("jobs", "queues", "workflows");
        } catch (error) {
          logger.warn({ err: error }, "no events from the queues; trying again");
        }
        // Redis is away, or the client is closed.
        await new Promise((resolve) => setTimeout(resolve, 2000).unref());
      }
    };
    void follow();
    return () => {
      over.abort();
      void events?.return?.();
      for (const timer of [...timers, ...later.values()]) clearTimeout(timer);
      later.clear();
    };
  }

  function open(request: Request, response: Response): void {
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      // Proxies would gather the events.
      "x-accel-buffering": "no",
    });
    response.write("retry: 3000\n\n");
    const beat = setInterval(async () => {
      // Redis' absence ends no stream: the pages would lose it when they need it most.
      const known = await holds(request).catch(() => true);
      if (known) response.write(":\n\n");
      else response.end();
    }, heartbeat);
    listeners.set(response, request.sessionID);
    stopFeed ??= startFeed();
    response.once("close", () => {
      clearInterval(beat);
      listeners.delete(response);
      if (listeners.size > 0) return;
      stopFeed?.();
      stopFeed = undefined;
    });
  }

  return {
    touch,
    handler(request, response, next) {
      // Only asked whether it would be let in.
      if (request.method === "HEAD") {
        response.end();
        return;
      }
      if (listeners.size < mostListeners) return open(request, response);
      response.set("Retry-After", "30");
      next(
        new LovageError("RATE_LIMITED", `${mostListeners} pages are open already`, {
          hint: "close some; this one shows what was when it was loaded",
        }),
      );
    },
    end(sessionId) {
      for (const [response, id] of listeners) if (id === sessionId) response.end();
    },
    stop() {
      for (const response of listeners.keys()) response.end();
    },
  };
}
