import { existsSync } from "node:fs";
import { join } from "node:path";
import { LovageError } from "../core/errors.ts";
import type { RayClient } from "../ray-client-http/index.ts";

/** The folder of Ray programs, as a package on the cluster. */
export interface ProgramPackage {
  /** @throws LovageError `PROGRAM_MISSING` */
  check(program: string): void;
  /** Makes sure that the cluster has the package now, and returns its URI. */
  ensure(program: string, signal: AbortSignal): Promise<string>;
}

/** The zip is made once a process: what runs belongs to the release that submits it. */
export function createProgramPackage(client: RayClient, folder: string): ProgramPackage {
  let zipped: ReturnType<RayClient["packages"]["zip"]> | undefined;
  function check(program: string): void {
    if (existsSync(join(folder, program))) return;
    throw new LovageError("PROGRAM_MISSING", `there is no program ${program} in ${folder}`, {
      field: "program",
      value: program,
      hint: "write it, or correct the task's definition",
    });
  }
  return {
    check,
    async ensure(program, signal) {
      check(program);
      zipped ??= client.packages.zip(folder).catch((error: unknown) => {
        // The next Ray job tries again: too many open files, say, pass.
        zipped = undefined;
        throw error;
      });
      // Ray forgets packages that no job uses for ten minutes, so it is asked before every submit.
      return (await client.packages.upload(await zipped, { signal })).uri;
    },
  };
}
