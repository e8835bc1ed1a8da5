import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import type { Note } from "./ledger-catalogue.ts";

/** All that the ledger knows of one job. */
export interface Page {
  /** Runs of its task that began. */
  begun: number;
  /** Runs that came as far as the effect, whatever their fence was worth. */
  effects: number;
  /** Effects that the fence let pass and that were the job's first. */
  made: number;
  /** Effects that found the effect made by an earlier run. */
  foundMade: number;
  /** Effects with a smaller fence than another run had brought before: refused. */
  stale: number;
  /** Runs that began with the very fence of another run: no fence at all. */
  sameFence: number;
  /** The largest fence, and the run that brought it. */
  fence: number;
  run: string;
}

/**
 * What the ledger's tasks act upon: a place of its own, outside of the Redis under test, as a user's database would be. It
 * is held by the process that runs the round, so that a worker that is frozen or killed holds no lock of it.
 */
export interface Ledger {
  /** The socket that tasks write to. */
  readonly path: string;
  page(job: string): Page | undefined;
  pages(): Iterable<Page>;
  close(): Promise<void>;
}

export async function openLedger(path: string): Promise<Ledger> {
  const book = new Map<string, Page>();

  function enter({ what, job, fence, run }: Note): string {
    const page = book.get(job) ?? blankPage();
    book.set(job, page);
    if (what === "begin") page.begun += 1;
    else page.effects += 1;
    if (fence < page.fence) {
      if (what === "effect") page.stale += 1;
      return "stale";
    }
    if (fence === page.fence && run !== page.run) page.sameFence += 1;
    page.fence = fence;
    page.run = run;
    if (what === "begin") return "begun";
    if (page.made > 0) {
      page.foundMade += 1;
      return "made before";
    }
    page.made += 1;
    return "made";
  }

  const server = createServer((request, response) => {
    text(request).then(
      (body) => response.end(enter(JSON.parse(body))),
      () => response.destroy(),
    );
  });
  // The workers' connections are idle for as long as a Redis is away.
  server.keepAliveTimeout = 0;
  server.listen(path);
  await once(server, "listening");
  return {
    path,
    page: (job) => book.get(job),
    pages: () => book.values(),
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function blankPage(): Page {
  return { begun: 0, effects: 0, made: 0, foundMade: 0, stale: 0, sameFence: 0, fence: 0, run: "" };
}
