import { join } from "node:path";
import {
  type CommandOptions,
  type CommandResult,
  checkout,
  type RunningCommand,
  run,
  start,
  succeeds,
} from "./command.ts";

/** `server84` is 10.0.0.84, and so on. */
export type Server = `server${number}`;
export type Machine = "laptop" | Server;

export const labName = process.env["LAB_NAME"] ?? "lab";
/** All that the lab leaves on this machine lies here, until `lab.sh down --purge`. */
export const labFolder = join(process.env["LAB_STATE"] ?? "/tmp/lovage-lab", labName);
export const labScript = join(checkout, "test/deploy/lab/lab.sh");

/** Runs a command of the lab; `lab.sh` without arguments tells them. */
export function lab(...args: readonly string[]): Promise<CommandResult> {
  return succeeds(run(labScript, args));
}

/**
 * Runs a command as root on the laptop, in a project's folder: the one place from which 10.0.0.84 is the lab's server.
 * That nothing can leave the lab is checked before.
 */
export function onLaptop(
  command: string,
  args: readonly string[] = [],
  options?: CommandOptions,
): Promise<CommandResult> {
  return startOnLaptop(command, args, options).done;
}

/** As `onLaptop`, for a command that something shall happen to while it runs. */
export function startOnLaptop(
  command: string,
  args: readonly string[] = [],
  options?: CommandOptions,
): RunningCommand {
  return start(labScript, ["on", "laptop", command, ...args], options);
}

/** Runs a command as root on a server, in its root folder, with nothing of this process's environment. */
export function onServer(
  command: string,
  args: readonly string[] = [],
  options: CommandOptions & { server?: Server } = {},
): Promise<CommandResult> {
  return run(labScript, ["on", options.server ?? "server84", command, ...args], options);
}

/** Rejects unless what the lab's machines send can only reach the lab's machines. */
export async function guard(): Promise<void> {
  await lab("guard");
}

/**
 * The machine is gone at once, and nobody hears an end of its connections. Its disk stays, and on it also what was
 * written but not synced: that a program syncs, this cannot show.
 */
export async function powerCut(machine: Machine = "server84"): Promise<void> {
  await lab("power-cut", machine);
}

/** Switches a machine off in good order: Docker stops its containers as they ask for. */
export async function shutDown(machine: Machine = "server84"): Promise<void> {
  await lab("shut-down", machine);
}

/** Switches a machine on. A server answers by ssh then, and Docker has begun to bring back its containers. */
export async function boot(machine: Machine = "server84"): Promise<void> {
  await lab("boot", machine);
}

/** The server as it was at first: no containers, no files, no settings but Debian's; the base images are there. */
export async function newDisk(server: Server = "server84"): Promise<void> {
  await lab("new-disk", server);
}

/** Gives the server's user `docker compose`; builds it first where that was never done (five minutes). */
export async function installComposeV2(server: Server = "server84"): Promise<void> {
  await lab("compose-v2", server);
}
