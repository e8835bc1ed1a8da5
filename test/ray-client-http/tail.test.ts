import { expect, it, vi } from "vitest";
import type { WebSocket } from "ws";
import type { RayClient, TailOptions } from "../../src/ray-client-http/index.ts";
import type { TailScript } from "../support/scripted-ray-server.ts";
import { failure, scripted } from "./fixture.ts";

const log = Array.from({ length: 400 }, (_, line) => `${line} Zeile ä€😀 ${"x".repeat(line % 17)}\n`).join(
  "",
);

/** Sends the log up to `upTo` in frames of `size` characters, then does `end`. */
function play(upTo: number, size: number, end: (socket: WebSocket) => unknown): TailScript {
  return (socket) => {
    const shown = [...log.slice(0, upTo)];
    for (let at = 0; at < shown.length; at += size) socket.send(shown.slice(at, at + size).join(""));
    socket.send("", () => end(socket));
  };
}

const goodbye = (socket: WebSocket) => socket.close(1000);
const cut = (socket: WebSocket) => socket.terminate();
const crash = (socket: WebSocket) => socket.close(1011, "agent died");

async function read(client: RayClient, options?: TailOptions) {
  let text = "";
  let offset = options?.from ?? 0;
  for await (const piece of client.tail("one", options)) {
    text += piece.text;
    offset += piece.text.length;
    expect(piece.offset).toBe(offset);
  }
  return text;
}

it("offers no compression, and sends token and headers", async () => {
  const { ray, client } = await scripted({ token: "secret-token", headers: { "x-team": "a" } });
  ray.onTail("one", play(500, 100, goodbye));
  expect(await read(client)).toBe(log.slice(0, 500));
  const headers = ray.handshakes()[0]?.headers;
  expect(headers).toMatchObject({ authorization: "Bearer secret-token", "x-team": "a" });
  expect(headers).not.toHaveProperty("sec-websocket-extensions");
  expect(headers).not.toHaveProperty("origin");
});

it("loses and repeats nothing over sockets that die in the middle of the log", async () => {
  const { ray, client } = await scripted();
  ray.onTail(
    "one",
    play(0, 1, cut),
    play(1_001, 37, cut),
    503,
    play(700, 100, crash),
    play(1_002, 1_002, cut),
    502,
    play(5_003, 64, (socket) => socket.close(1001)),
    play(log.length, 999, goodbye),
  );
  expect(await read(client)).toBe(log);
  expect(ray.handshakes()).toHaveLength(8);
});

it("goes on after `from`, in the middle of a frame, and gives nothing when all was given", async () => {
  const { ray, client } = await scripted();
  ray.onTail("one", play(log.length, 500, goodbye));
  expect(await read(client, { from: 1_234 })).toBe(log.slice(1_234));
  expect(await read(client, { from: log.length })).toBe("");
});

it("is RAY_NOT_FOUND for an unknown id, RAY_UNAUTHORIZED without the token, at once", async () => {
  const { ray, client } = await scripted();
  expect(await failure(client.tail("one").next())).toMatchObject({ code: "RAY_NOT_FOUND", status: 404 });
  ray.onTail("one", 401);
  expect(await failure(client.tail("one").next())).toMatchObject({ code: "RAY_UNAUTHORIZED", status: 401 });
  expect(ray.handshakes()).toHaveLength(2);
});

it("gives up when its patience is over", async () => {
  const { ray, client } = await scripted();
  ray.onTail("one", play(100, 100, cut));
  const error = await failure(read(client, { patienceMs: 100 }));
  expect(error).toMatchObject({ code: "RAY_UNAVAILABLE", retryable: true });
  expect(error.message).toContain("1006");
  expect(ray.handshakes().length).toBeGreaterThan(2);
});

it.each(["signal", "close"] as const)("ends at once by %s, and lets go of the socket", async (how) => {
  const { ray, client } = await scripted();
  let closed = false;
  ray.onTail("one", (socket) => {
    socket.on("close", () => {
      closed = true;
    });
    socket.send("first\n");
  });
  const controller = new AbortController();
  const pieces = client.tail("one", { signal: controller.signal });
  expect((await pieces.next()).value).toEqual({ text: "first\n", offset: 6 });
  const waiting = failure(pieces.next());
  if (how === "signal") controller.abort();
  else await client.close();
  expect(await waiting).toMatchObject({ code: "RAY_ABORTED" });
  await vi.waitUntil(() => closed);
});

it("lets go of the socket when the reader leaves", async () => {
  const { ray, client } = await scripted();
  let closed = false;
  ray.onTail("one", (socket) => {
    socket.on("close", () => {
      closed = true;
    });
    socket.send("first\n");
  });
  for await (const _piece of client.tail("one")) break;
  await vi.waitUntil(() => closed);
});

it("reads no further than a slow reader goes", async () => {
  const { ray, client } = await scripted();
  const frame = "y".repeat(100_000);
  let sent = 0;
  ray.onTail("one", (socket) => {
    const pour = () => {
      sent += 1;
      if (sent > 2_000) socket.close(1000);
      else socket.send(frame, pour);
    };
    pour();
  });
  let read = 0;
  let before = -1;
  for await (const piece of client.tail("one")) {
    if (read === 0) {
      // Until the sender is stuck: the buffers of both sides are full.
      const stuck = () => {
        const still = sent === before;
        before = sent;
        return still;
      };
      await vi.waitUntil(stuck, { interval: 150, timeout: 5_000 });
      expect(sent).toBeLessThan(1_000);
    }
    read += piece.text.length;
  }
  expect(read).toBe(frame.length * 2_000);
});
