import { connect, createServer } from "node:net";
import { LovageError } from "../core/errors.ts";

/** A port that has to be free before something starts on it. */
export interface NeededPort {
  port: number;
  /** Who will listen there, as a person would say it: "Redis", "Ray's dashboard". */
  owner: string;
  /** The option or variable that moves it. */
  setting: string;
}

/** Whether nothing accepts connections on this port of 127.0.0.1 and a server could listen there. */
export async function portFree(port: number): Promise<boolean> {
  // Asking both ways: macOS lets a server bind 127.0.0.1 beside one on 0.0.0.0, and a bound socket that does not
  // accept (its owner is stopping) refuses connections but cannot be bound.
  return !(await accepts(port)) && (await bindable(port));
}

/** Whether something accepts connections on this port. */
export function accepts(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}

function bindable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Refuses with one line per taken port, all of them at once.
 *
 * @throws LovageError `PORT_TAKEN`
 */
export async function requirePorts(needed: readonly NeededPort[]): Promise<void> {
  const free = await Promise.all(needed.map(({ port }) => portFree(port)));
  const taken = needed.filter((_, index) => !free[index]);
  if (taken.length === 0) return;
  const lines = taken.map(
    ({ port, owner, setting }) => `port ${port} (${owner}) is in use; choose another with ${setting}`,
  );
  throw new LovageError("PORT_TAKEN", lines.join("\n"), {
    field: taken[0]?.setting,
    value: taken.map(({ port }) => port),
    hint: "stop what listens there, or change the setting named beside the port",
  });
}
