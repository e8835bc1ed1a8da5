import { rm } from "node:fs/promises";
import { logs } from "./command.ts";
import { lab } from "./lab.ts";

/** The lab is up for the whole run. LAB_KEEP leaves it up, so that the next run and a person find it as it is. */
export default async function setup(): Promise<() => Promise<void>> {
  await rm(logs, { recursive: true, force: true });
  const { stdout } = await lab("up");
  process.stdout.write(stdout);
  return async () => {
    if (process.env["LAB_KEEP"] === undefined) await lab("down", "--purge");
  };
}
