import { join } from "node:path";
import {
  type CommandOptions,
  type CommandResult,
  checkout,
  type RunningCommand,
  succeeds,
} from "./command.ts";
import { type Container, containers } from "./containers.ts";
import { labFolder, onLaptop, onServer, type Server, startOnLaptop } from "./lab.ts";

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

/**
 * For a shell on the server: kills the operation that changes it, and the shell that would have noted how it ended.
 * Nothing of it has a last word.
 */
export const killOperation =
  'pid=$(sed "s/.*process //" /home/wizardsofts/lovage/deploy.lock); kill -KILL $(ps -o ppid= -p $pid) $pid';

const dashboard = "http://10.0.0.84:5555";

/** Logs in at the dashboard as a person does: by the form, its token, and the password; not by an argument. */
export async function logIn(password: string): Promise<void> {
  const cookies = join(labFolder, "cookies");
  const form = `set -e; rm -f ${cookies}
    token=$(curl -s -c ${cookies} ${dashboard}/login | grep -o 'name="_csrf" value="[^"]*"' | cut -d'"' -f4 || true)
    curl -s -o /dev/null -b ${cookies} -c ${cookies} --data-urlencode "_csrf=$token" --data-urlencode name=admin \\
      --data-urlencode password@- ${dashboard}/login`;
  await succeeds(onLaptop("bash", ["-c", form], { input: password }));
}

/** How the dashboard answers a browser: 200 to who is logged in, else where it leads to. */
export async function visit(path: string, ...more: string[]): Promise<string> {
  const answer = ["-s", "-H", "accept: text/html", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"];
  return (await succeeds(onLaptop("curl", [...answer, ...more, `${dashboard}${path}`]))).stdout.trim();
}

/** The same for who logged in before. */
export function visitLoggedIn(path: string): Promise<string> {
  return visit(path, "-b", join(labFolder, "cookies"));
}

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
