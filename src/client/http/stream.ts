import { createParser, type EventSourceMessage } from "eventsource-parser";
import type * as z from "zod";
import type { Operation } from "../../contract/operation.ts";
import { LovageError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { createWindow, pause } from "../../core/timers.ts";
import { tlsFaultOf } from "../../core/tls-faults.ts";
import { readRefusal } from "./answer.ts";
import { isAway, unavailable, untrusted } from "./away.ts";

/** What a stream tells, by its schema. */
export type Told<O extends Operation> = O["stream"] extends { message: z.ZodType<infer Value> }
  ? Value
  : never;

/** How a stream reaches its API. */
export interface StreamLink {
  readonly address: string;
  /** Milliseconds in which it must be there at first. */
  readonly timeout: number;
  readonly closed: AbortSignal;
  /** Of the authority that is trusted instead of those that Node knows. */
  readonly ca: string | undefined;
  open(headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  onError(error: Error): void;
}

/** The API sends something, if only a comment, every 15 s: a connection that is silent for so long is none. Milliseconds. */
const longestSilence = 45_000;

/** The first pause before a stream is asked for again, and the longest, in milliseconds. */
const firstPause = 200;
const longestPause = 5000;

/** More characters than this are no message of an API's. */
const longestMessage = 8 * 1024 * 1024;

/** The messages of a stream, over as many connections as it takes. */
export async function* readStream<O extends Operation>(
  link: StreamLink,
  operation: O,
  over: AbortSignal,
): AsyncGenerator<Told<O>, void, undefined> {
  const { address, closed, timeout } = link;
  const isOver = () => over.aborted || closed.aborted;
  const until = Date.now() + timeout;
  let begun = false;
  /** Where it goes on. */
  let last: string | undefined;
  for (let failures = 0; !isOver(); failures += 1) {
    const connection = createConnection(link, over);
    try {
      await connection.open(last, begun ? timeout : Math.max(1, until - Date.now()));
      begun = true;
      for await (const { event, data } of connection.messages()) {
        failures = 0;
        if (event === "end") return;
        if (event === "error") throw readRefusal(address, 200, data);
        const schema = operation.stream?.[event ?? "message"];
        // An event of a later version is none of ours.
        if (schema === undefined) continue;
        const message = schema.safeDecode(parseJson(data) as never);
        if (!message.success)
          throw unavailable(address, `a message does not fit ${operation.path}: ${data.slice(0, 200)}`);
        yield message.data as Told<O>;
      }
    } catch (error) {
      if (isOver()) return;
      if (!isAway(error) || (!begun && Date.now() >= until)) throw error;
      link.onError(error);
    } finally {
      last = connection.last ?? last;
      connection.close();
    }
    await pause(Math.min(longestPause, firstPause * 2 ** failures) * (0.5 + Math.random() / 2), over, closed);
  }
}

/** One connection of a stream. */
function createConnection({ address, ca, closed, open }: StreamLink, over: AbortSignal) {
  let response: Response | undefined;
  let last: string | undefined;
  const window = createWindow(longestSilence, [over, closed]);

  async function within<T>(milliseconds: number, answer: () => Promise<T>): Promise<T> {
    window.restart(milliseconds);
    try {
      return await answer();
    } catch (error) {
      if (error instanceof LovageError) throw error;
      const fault = tlsFaultOf(error);
      if (fault !== undefined) throw untrusted(address, error, fault, ca !== undefined);
      throw unavailable(address, window.late ? `nothing in ${milliseconds} ms` : error);
    }
  }

  return {
    /** The id of the last message. */
    get last() {
      return last;
    },
    /** @throws LovageError what the API answers instead; `API_UNAVAILABLE` when nothing comes in time */
    async open(from: string | undefined, milliseconds: number): Promise<void> {
      const headers = { accept: "text/event-stream", ...(from !== undefined && { "last-event-id": from }) };
      response = await within(milliseconds, () => open(headers, window.signal));
      if (response.ok && response.headers.get("content-type")?.startsWith("text/event-stream")) return;
      const refused = response;
      throw readRefusal(address, refused.status, await within(milliseconds, () => refused.text()));
    },
    async *messages(): AsyncGenerator<EventSourceMessage, void, undefined> {
      const told: EventSourceMessage[] = [];
      const parser = createParser({
        onEvent: (message) => told.push(message),
        // What came with it is told before anything else is read, so nothing is lost between.
        onId(id) {
          last = id;
        },
        maxBufferSize: longestMessage,
      });
      const reader = response?.body?.getReader();
      const decoder = new TextDecoder();
      for (;;) {
        const chunk = await within(longestSilence, async () => reader?.read());
        if (chunk?.value === undefined) return;
        parser.feed(decoder.decode(chunk.value, { stream: true }));
        yield* told.splice(0);
      }
    },
    close: window.close,
  };
}
