import { type Config, publicConfig } from "../config/index.ts";
import { readUserList } from "../dashboard/user-list.ts";
import { createProgramPackage } from "../ray/program.ts";
import { checkRayTasks, closeRayClients, openRayClients } from "./ray.ts";
import { loadDeployment } from "./worker.ts";

/**
 * Loads what the processes load and checks what they check before they open anything.
 * @throws LovageError what the process concerned would end with
 */
export async function tryOut(config: Config): Promise<{ config: Record<string, unknown>; tasks: string[] }> {
  const { catalogue, programsFolder } = await loadDeployment();
  const clients = openRayClients(config);
  try {
    const programs = Object.entries(clients).map(([cluster, client]) => [
      cluster,
      createProgramPackage(client, programsFolder),
    ]);
    checkRayTasks(catalogue.tasks, Object.fromEntries(programs));
  } finally {
    await closeRayClients(clients);
  }
  // A module of theirs that cannot be loaded is a fault like any other.
  await Promise.all([import("./scheduler.ts"), import("./dashboard.ts")]);
  // Where there is no password there is no dashboard off loopback; a worker's host has none.
  if (config.dashboard.password !== undefined) readUserList(config.dashboard);
  return { config: publicConfig(config), tasks: catalogue.tasks.map(({ name }) => name) };
}
