import { type AddressInfo, connect } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Pair } from "./certificate.ts";

/**
 * Speaks TLS before a server of this machine that does not, as the embedded Valkey does not.
 * @param change what becomes of each piece of an answer; its length must stay
 */
export async function startTlsProxy(
  target: number,
  pair: Pair,
  change?: (piece: string) => string,
): Promise<{ port: number; connections(): number; close(): Promise<void> }> {
  const open = new Set<TLSSocket>();
  let count = 0;
  const server = createServer(pair, (socket) => {
    count += 1;
    open.add(socket);
    const plain = connect(target, "127.0.0.1");
    socket.pipe(plain);
    if (change === undefined) plain.pipe(socket);
    else plain.on("data", (piece) => socket.write(change(piece.toString("latin1")), "latin1"));
    const end = () => {
      open.delete(socket);
      socket.destroy();
      plain.destroy();
    };
    socket.on("error", end).on("close", end);
    plain.on("error", end).on("close", end);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
