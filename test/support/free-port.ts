import { createServer } from "node:net";
import { portFree } from "../../src/dev/ports.ts";

/** A port nobody listens on now. Two callers never get the same one while the first holds it. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/**
 * The first port of `count` free ones in a row. Below the range the kernel hands out, so that no outgoing connection
 * takes one of them between this look and their use.
 */
export async function freePortRange(count: number): Promise<number> {
  for (;;) {
    const base = 22_000 + Math.floor(Math.random() * 90) * 100;
    const free = await Promise.all(Array.from({ length: count }, (_, index) => portFree(base + index)));
    if (free.every(Boolean)) return base;
  }
}
