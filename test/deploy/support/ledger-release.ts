import { copyOfCheckout } from "./checkout-copy.ts";
import { succeeds } from "./command.ts";
import { deploy, setOnServer } from "./deployed.ts";
import { addLedger } from "./ledger.ts";
import { type LabRay, startLabRay } from "./ray.ts";

/** A Ray head on the server, and a release with the ledger's tasks that runs there; for a file's start. */
export async function deployLedger(name: string): Promise<{ ray: LabRay; folder: string }> {
  const ray = await startLabRay();
  await setOnServer("RAY_ADDRESS", ray.address);
  const folder = await copyOfCheckout(name, addLedger);
  await succeeds(deploy([], folder));
  return { ray, folder };
}
