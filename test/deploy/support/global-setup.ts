import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { logs } from "./command.ts";
import { lab, labScript } from "./lab.ts";

/** The lab is up for the whole run. LAB_KEEP leaves it up, so that the next run and a person find it as it is. */
export default async function setup(): Promise<() => Promise<void>> {
  await rm(logs, { recursive: true, force: true });
  // Seen as it comes, for the first time takes a minute.
  const up = spawn(labScript, ["up"], { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(up, "close");
  if (code !== 0) throw new Error("the lab does not come up; what it printed stands above");
  return async () => {
    if (process.env["LAB_KEEP"] === undefined) await lab("down", "--purge");
  };
}
