import { succeeds } from "./command.ts";
import { onServer, type Server } from "./lab.ts";

/** What `docker inspect` tells of a container; only what tests look at. */
export interface Container {
  Id: string;
  Name: string;
  RestartCount: number;
  State: {
    Status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
    Running: boolean;
    OOMKilled: boolean;
    Pid: number;
    ExitCode: number;
    StartedAt: string;
    FinishedAt: string;
    Health?: { Status: "starting" | "healthy" | "unhealthy"; FailingStreak: number };
  };
  Image: string;
  Config: {
    Image: string;
    User: string;
    Env: string[];
    Cmd: string[] | null;
    Labels: Record<string, string>;
  };
  HostConfig: {
    NetworkMode: string;
    ReadonlyRootfs: boolean;
    Privileged: boolean;
    CapDrop: string[] | null;
    SecurityOpt: string[] | null;
    Memory: number;
    NanoCpus: number;
    PidsLimit: number | null;
    RestartPolicy: { Name: string; MaximumRetryCount: number };
    LogConfig: { Type: string; Config: Record<string, string> };
  };
  Mounts: { Type: string; Source: string; Destination: string; RW: boolean }[];
}

/** Lovage's containers on a server by their service (`redis`, `worker-ml`, …), running or not. */
export async function containers(server: Server = "server84"): Promise<Record<string, Container>> {
  const list = await inspect("label=com.wizardsofts=lovage", server);
  return Object.fromEntries(
    list.map((container) => [
      container.Config.Labels["com.wizardsofts.service"] ?? container.Name,
      container,
    ]),
  );
}

/** Containers by one of Docker's filters, such as `name=lovage-redis`. */
export async function inspect(filter: string, server: Server = "server84"): Promise<Container[]> {
  // One that is removed between the two is none; xargs tells of it as 123, and the others are told all the same.
  const script =
    'docker ps --all --quiet --filter "$1" | xargs --no-run-if-empty docker inspect || [ $? = 123 ]';
  const { stdout } = await succeeds(onServer("sh", ["-c", script, "sh", filter], { server }));
  return stdout === "" ? [] : (JSON.parse(stdout) as Container[]);
}
