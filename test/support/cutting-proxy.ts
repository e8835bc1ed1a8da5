import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface CuttingProxy {
  url: string;
  /** Connections so far. */
  connections(): number;
  close(): Promise<void>;
}

/** A TCP proxy that, for the first `times` connections, cuts the line when `until` bytes came back from the target. */
export async function startCuttingProxy(target: string, until: number, times = 1): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer((near) => {
    count += 1;
    const cuts = count <= times;
    const far = connect(Number(port), hostname);
    let came = 0;
    const drop = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", drop).on("close", () => {
        open.delete(socket);
        drop();
      });
    }
    near.on("data", (chunk) => far.write(chunk));
    far.on("data", (chunk) => {
      const rest = until - came;
      came += chunk.length;
      if (!cuts || came < until) near.write(chunk);
      else near.write(chunk.subarray(0, rest), drop);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => count,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
