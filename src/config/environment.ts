import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "dotenv";

/** Variables and where they came from, the strongest source first. */
export interface EnvironmentSource {
  /** For messages: "the environment" or a file's path. */
  name: string;
  /** Whether all of its variables are meant for Lovage, so that an unknown name there is a fault. */
  own: boolean;
  variables: Record<string, string | undefined>;
}

/**
 * The sources in the order of precedence: the process' environment, `.env`, and what a running `lovage dev` of the same
 * folder left in `.lovage/dev.env`, so that commands typed beside it find its Redis and Ray.
 */
export function environmentSources(
  environment: Record<string, string | undefined>,
  folder: string,
): EnvironmentSource[] {
  const sources: EnvironmentSource[] = [{ name: "the environment", own: false, variables: environment }];
  for (const file of [".env", join(".lovage", "dev.env")]) {
    const path = join(folder, file);
    if (existsSync(path)) sources.push({ name: file, own: true, variables: parse(readFileSync(path)) });
  }
  return sources;
}
