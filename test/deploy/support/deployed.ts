import {
  type CommandOptions,
  type CommandResult,
  checkout,
  type RunningCommand,
  succeeds,
} from "./command.ts";
import { type Container, containers } from "./containers.ts";
import { onLaptop, onServer, type Server, startOnLaptop } from "./lab.ts";

export const services = ["dashboard", "redis", "scheduler", "worker-data", "worker-default", "worker-ml"];

/** `deploy.sh` of a project on the laptop. Default: the checkout itself. */
export function deploy(
  args: readonly string[] = [],
  folder: string = checkout,
  options: CommandOptions = {},
): RunningCommand {
  return startOnLaptop("./scripts/deploy.sh", args, { cwd: folder, ...options });
}

/** One of the project's scripts on the laptop. */
export function script(name: string, args: readonly string[] = []): Promise<CommandResult> {
  return onLaptop(`./scripts/${name}`, args);
}

/** A secret as it stands in the server's .env: for what must not show it, and for who logs in with it. */
export async function secretOf(name: string, server: Server = "server84"): Promise<string> {
  const { stdout } = await succeeds(
    onServer("sed", ["-n", `s/^${name}=//p`, "/home/wizardsofts/lovage/.env"], { server }),
  );
  const value = stdout.trim();
  if (value === "") throw new Error(`${name} is not in the server's .env`);
  return value;
}

export const secretNames = [
  "REDIS_PASSWORD",
  "REDIS_WORKER_PASSWORD",
  "REDIS_CLIENT_PASSWORD",
  "DASHBOARD_PASSWORD",
];

/** The containers by service, as something that two looks can be compared by. */
export async function identities(): Promise<Record<string, string>> {
  const all = await containers();
  return Object.fromEntries(
    Object.entries(all).map(([service, { Id, State }]) => [service, `${Id} since ${State.StartedAt}`]),
  );
}

/** The release that a container runs. */
export function releaseOf(container: Container | undefined): string {
  return container?.Config.Image.replace("lovage:", "") ?? "none";
}

/** Gives the server's .env a setting before or after a deploy. */
export async function setOnServer(name: string, value: string): Promise<void> {
  const line = `mkdir -p -m 700 ~/lovage; umask 077; touch ~/lovage/.env; sed -i '/^${name}=/d' ~/lovage/.env; echo ${name}=${value} >>~/lovage/.env`;
  await succeeds(onLaptop("ssh", ["wizardsofts@10.0.0.84", line]));
}
