import { type AddressInfo, connect, createServer as createPlainServer, type Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Pair } from "./certificate.ts";

/** Where servers connect from that know each other by their proxies' ports: `bind-source-addr` of their configuration. */
export const peers = "127.0.0.2";

interface ProxyOptions {
  /** What becomes of each piece of an answer; its length must stay. */
  change?: (piece: string) => string;
  /** An address whose connections speak no TLS, as servers among themselves; all others must. */
  plainFrom?: string;
}

/** Speaks TLS before a server of this machine that does not, as the embedded Valkey does not. */
export async function startTlsProxy(
  target: number,
  pair: Pair,
  { change, plainFrom }: ProxyOptions = {},
): Promise<{ port: number; connections(): number; close(): Promise<void> }> {
  const open = new Set<Socket>();
  let count = 0;
  const pass = (socket: Socket) => {
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
  };
  const secure = createServer(pair, (socket: TLSSocket) => {
    count += 1;
    pass(socket);
  });
  const server = createPlainServer((socket) => {
    if (plainFrom !== undefined && socket.remoteAddress === plainFrom) pass(socket);
    else secure.emit("connection", socket);
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
