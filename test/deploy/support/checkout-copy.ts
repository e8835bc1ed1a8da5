import { cp, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checkout, run, succeeds } from "./command.ts";
import { labFolder } from "./lab.ts";

/**
 * A checkout of its own that a test may change: all files of this one that Git knows or would add, in a fresh
 * repository with one commit. What was installed (`node_modules`, `.venv`) is not in it.
 *
 * @param change is given the folder before the commit
 * @returns the folder; a copy of the same name is replaced
 */
export async function copyOfCheckout(
  name: string,
  change?: (folder: string) => Promise<void> | void,
): Promise<string> {
  const folder = join(labFolder, "copies", name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const listed = await succeeds(
    run("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]),
  );
  for (const file of listed.stdout.split("\0").filter(Boolean)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    // A file that is deleted but still in the index is none of the checkout's.
    await cp(join(checkout, file), join(folder, file), { verbatimSymlinks: true }).catch((error) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
  await change?.(folder);
  await git(folder, "init", "--quiet");
  await git(folder, "add", "--all");
  await git(folder, "commit", "--quiet", "--message", "The checkout");
  return folder;
}

async function git(folder: string, ...args: string[]): Promise<void> {
  const author = ["-c", "user.name=Lab", "-c", "user.email=lab@localhost", "-c", "commit.gpgsign=false"];
  await succeeds(run("git", [...author, ...args], { cwd: folder }));
}
