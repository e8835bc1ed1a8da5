import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import type { Certificate } from "./certificate.ts";

export interface TlsServer {
  readonly server: Server;
  /** For connections from now on; those that are open go on. */
  exchange(certificate: Certificate): void;
  /** Ends those connections of which nothing came yet, which the server itself does not count. */
  endSilent(): void;
}

const minVersion = "TLSv1.2";

/** How long a connection may say nothing at its beginning, in milliseconds. */
const patience = 10_000;

/** What the first byte of a connection by TLS is. */
const handshake = 0x16;

/** Serves https, and answers plain http on the same port with where to go instead of with silence. */
export function createTlsServer(certificate: Certificate, app: RequestListener): TlsServer {
  const server = createServer({ ...certificate, minVersion }, app);
  const [greet] = server.listeners("connection") as [(this: Server, socket: Socket) => void];
  server.removeAllListeners("connection");
  const silent = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    const drop = () => socket.destroy();
    silent.add(socket);
    socket.setTimeout(patience, drop).on("error", drop);
    socket.once("close", () => silent.delete(socket));
    socket.once("data", (first) => {
      silent.delete(socket);
      socket.setTimeout(0).off("timeout", drop).off("error", drop);
      if (first[0] !== handshake) return sendElsewhere(socket, first.toString("latin1"));
      socket.pause();
      socket.unshift(first);
      greet.call(server, socket);
    });
  });
  return {
    server,
    exchange: (next) => server.setSecureContext({ ...next, minVersion }),
    endSilent() {
      for (const socket of silent) socket.destroy();
    },
  };
}

/** A page that was asked for is found under https; a call with a body or a key is not sent on: it must be mended. */
function sendElsewhere(socket: Socket, request: string): void {
  const [, path] = /^(?:GET|HEAD) (\/\S*) HTTP\/1\.[01]\r\n/.exec(request) ?? [];
  const [, host] = /\r\nhost:\s*([\w.:[\]-]+)\s*\r\n/i.exec(request) ?? [];
  const known = path !== undefined && host !== undefined && !/\r\nauthorization:/i.test(request);
  const body = "This port speaks https: write https:// instead of http://\n";
  const head = [
    known
      ? `HTTP/1.1 308 Permanent Redirect\r\nlocation: https://${host}${path}`
      : "HTTP/1.1 400 Bad Request",
    "content-type: text/plain; charset=utf-8",
    `content-length: ${body.length}`,
    "cache-control: no-store",
    "connection: close",
  ];
  socket.on("error", () => socket.destroy()).setTimeout(patience, () => socket.destroy());
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  // What else it sends is of no interest, but unread it would reset the connection before the answer is read.
  socket.resume();
}
