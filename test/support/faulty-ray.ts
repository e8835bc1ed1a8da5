import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** What becomes of a request. `lost`: Ray does it, and its answer is a 503. */
export type Answering =
  | { type: "pass" }
  | { type: "status"; status: number }
  | { type: "silence" }
  | { type: "cut" }
  | { type: "lost" }
  | { type: "forge"; change: (body: string) => string };

/** What of a request the faults are chosen by. */
export interface Asked {
  method: string;
  path: string;
}

export interface FaultyRay {
  readonly url: string;
  /** From now on; default: each request passes. */
  answer(how: (asked: Asked) => Answering): void;
  /** From now on: after how many bytes from Ray a log socket is cut; undefined: not at all, which is the default. */
  cutSockets(after: () => number | undefined): void;
  /** How many requests did not simply pass, and how many sockets were cut. */
  faults(): { requests: number; sockets: number };
  close(): Promise<void>;
}

/** A proxy before a real Ray that injects faults; all that is not a fault is Ray's own doing. */
export async function startFaultyRay(target: string): Promise<FaultyRay> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let answering: (asked: Asked) => Answering = () => ({ type: "pass" });
  let cutting: () => number | undefined = () => undefined;
  const faults = { requests: 0, sockets: 0 };

  function forward(near: IncomingMessage): ClientRequest {
    const { method = "GET", url = "/", headers } = near;
    return request({ hostname, port, method, path: url, headers, agent: false });
  }

  function relay(near: IncomingMessage, response: ServerResponse, how: Answering): void {
    const far = forward(near);
    far.on("error", () => response.destroy());
    far.on("response", (answer) => {
      if (how.type === "pass") {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        return;
      }
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", () => response.destroy());
      answer.on("end", () => {
        if (how.type !== "forge") return void response.writeHead(503).end("the proxy lost the answer");
        const { "content-length": _length, "transfer-encoding": _encoding, ...headers } = answer.headers;
        response.writeHead(answer.statusCode ?? 502, headers);
        response.end(how.change(Buffer.concat(chunks).toString("utf8")));
      });
    });
    near.pipe(far);
  }

  const server = createServer((near, response) => {
    const how = answering({ method: near.method ?? "", path: near.url ?? "" });
    if (how.type !== "pass") faults.requests += 1;
    response.on("error", () => {});
    if (how.type === "silence") return;
    if (how.type === "cut") return void near.socket.resetAndDestroy();
    if (how.type === "status") return void near.resume().on("end", () => refuse(response, how.status));
    relay(near, response, how);
  });
  server.on("connection", (socket) => track(open, socket));
  server.on("upgrade", (near: IncomingMessage, socket: Socket, head: Buffer) => {
    const until = cutting();
    const far = connect(Number(port), hostname);
    track(open, far);
    const drop = () => {
      socket.destroy();
      far.destroy();
    };
    socket.on("close", drop);
    far.on("close", drop);
    const { method = "GET", url = "/", rawHeaders } = near;
    const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
    far.write(`${method} ${url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    far.write(head);
    socket.pipe(far);
    let came = 0;
    far.on("data", (chunk: Buffer) => {
      const rest = until === undefined ? chunk.length : until - came;
      came += chunk.length;
      if (chunk.length < rest || until === undefined) return void socket.write(chunk);
      faults.sockets += 1;
      // In the middle of a frame as well as between two.
      socket.write(chunk.subarray(0, rest), drop);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: (how) => {
      answering = how;
    },
    cutSockets: (after) => {
      cutting = after;
    },
    faults: () => ({ ...faults }),
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refuse(response: ServerResponse, status: number): void {
  response
    .writeHead(status, { "content-type": "text/plain" })
    .end("Internal Server Error: no available agent");
}

function track(open: Set<Socket>, socket: Socket): void {
  open.add(socket);
  socket.on("error", () => {}).on("close", () => open.delete(socket));
}
