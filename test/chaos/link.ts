import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "./random.ts";

/** How bad a link is, each way. */
export interface Quality {
  /** Milliseconds that each piece takes at least, and up to how many more. */
  latency: number;
  jitter: number;
  /** Of a hundred pieces, how many are lost, so that they and all behind them come when they were sent again. */
  loss: number;
  bytesPerSecond: number;
}

/** A link to a server that may be cut and made bad. */
export interface Link {
  url: string;
  /** Cuts about so many of a hundred connections with a reset, each after a few bytes more: in the middle of a command. */
  reset(percent: number): number;
  /** From now on; without a quality it is good again. */
  worsen(quality: Quality | undefined): void;
  close(): Promise<void>;
}

/** What TCP waits for at least before it sends again, in milliseconds. */
const retransmission = 200;

/** Pieces are cut to this many bytes, as packets are. */
const pieceBytes = 1400;

interface Pair {
  cut(after: number): void;
  destroy(): void;
}

/** A proxy on loopback in front of a Redis. */
export async function openLink(target: string, random: Random): Promise<Link> {
  const { hostname, port, protocol } = new URL(target);
  const pairs = new Set<Pair>();
  let quality: Quality | undefined;

  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let left = Number.POSITIVE_INFINITY;
    const end = () => {
      near.resetAndDestroy();
      far.resetAndDestroy();
      pairs.delete(pair);
    };
    const pair: Pair = {
      cut(after) {
        left = after;
      },
      destroy: end,
    };
    pairs.add(pair);
    const forward = (to: Socket, piece: Buffer) => {
      if (to.destroyed) return;
      to.write(piece.subarray(0, Math.max(0, Math.min(piece.length, left))));
      left -= piece.length;
      if (left <= 0) end();
    };
    for (const [from, to] of [[near, far] as const, [far, near] as const]) {
      const lane = createLane(random, () => quality);
      from.setNoDelay(true);
      from.on("data", (chunk: Buffer) => {
        if (quality === undefined && lane.idle()) forward(to, chunk);
        else for (const piece of pieces(chunk)) lane.send(piece, () => forward(to, piece));
      });
      from.on("error", end).on("close", end);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    reset(percent) {
      const victims = [...pairs].filter(() => random.chance(percent));
      for (const victim of victims) victim.cut(random.whole(0, 300));
      return victims.length;
    },
    worsen(now) {
      quality = now;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const pair of pairs) pair.destroy();
      await closed;
    },
  };
}

/** One way of a connection: what was sent first comes first, however long it takes. */
function createLane(random: Random, quality: () => Quality | undefined) {
  let last = Promise.resolve();
  let waiting = 0;
  let free = 0;
  return {
    idle: () => waiting === 0,
    send(piece: Buffer, arrive: () => void) {
      const { latency, jitter, loss, bytesPerSecond } = quality() ?? perfect;
      const now = performance.now();
      free = Math.max(free, now) + (piece.length / bytesPerSecond) * 1000;
      const lost = random.chance(loss) ? retransmission + 2 * latency : 0;
      const due = free + latency + random.fraction() * jitter + lost;
      waiting += 1;
      last = last.then(async () => {
        await sleep(Math.max(0, due - performance.now()));
        waiting -= 1;
        arrive();
      });
    },
  };
}

const perfect: Quality = { latency: 0, jitter: 0, loss: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

function pieces(chunk: Buffer): Buffer[] {
  const count = Math.ceil(chunk.length / pieceBytes);
  return Array.from({ length: count }, (_, index) =>
    chunk.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
}
