import { existsSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { run, succeeds } from "./support/command.ts";
import { containers } from "./support/containers.ts";
import { deploy, identities, services } from "./support/deployed.ts";
import { installComposeV2, newDisk, onLaptop } from "./support/lab.ts";

const built = `${process.env["LAB_CACHE"] ?? `${process.env["HOME"]}/.cache/lovage-lab`}/docker-compose-v2`;
const available = existsSync(built) || (await run("sh", ["-c", "command -v go"])).code === 0;
if (!available)
  process.stdout.write("Compose v2: left out, there is neither a build of it nor Go to make one\n");

describe.skipIf(!available)("with Compose v2", () => {
  const v2 = { env: { LOVAGE_COMPOSE: "docker compose" } };

  beforeAll(async () => {
    await newDisk();
    await installComposeV2();
  }, 900_000);

  test("the same files bring the same six containers up, and a second run changes nothing", async () => {
    const version = await succeeds(
      onLaptop("ssh", ["wizardsofts@10.0.0.84", "docker compose version --short"]),
    );
    expect(version.stdout).toMatch(/^v?2\./);
    const { stdout } = await succeeds(deploy([], undefined, v2));
    expect(stdout).toMatch(/docker compose v?2\./);
    expect(stdout).toContain("11 tasks with 3 workers");
    expect(Object.keys(await containers()).sort()).toEqual(services);

    const before = await identities();
    const again = await succeeds(deploy([], undefined, v2));
    expect(again.stdout).toContain("all containers are as they should be");
    expect(await identities()).toEqual(before);
  });
});
