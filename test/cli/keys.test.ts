import { expect, test } from "vitest";
import { type ApiKey, createApiKeys } from "../../src/queue/api-keys.ts";
import { createWorld } from "../support/world.ts";
import { documentOf, lovage } from "./scripted-doors.ts";

async function withKeys(use: (run: (...args: string[]) => ReturnType<typeof lovage>) => Promise<void>) {
  const world = await createWorld();
  try {
    await use((...args) =>
      lovage(["keys", ...args], {
        openKeys: async () => ({ ...createApiKeys(world.broker), close: async () => {} }),
      }),
    );
  } finally {
    await world.close();
  }
}

test("a key is made, listed without its secret, and revoked", () =>
  withKeys(async (run) => {
    const made = await run(
      "create",
      "shop",
      "--scope",
      "enqueue:tasks.data_tasks.*",
      "read",
      "--expires",
      "90d",
    );
    expect(made.code).toBe(0);
    // The token alone, so that it can be sent into a file.
    expect(made.stdout).toMatch(/^lovage_[0-9a-f]{12}_[0-9a-f]{64}\n$/);
    expect(made.stderr).toContain("shop");
    expect(made.stderr).not.toContain(made.stdout.trim().slice(-64));

    const listed = await run("list");
    const id = made.stdout.slice(7, 19);
    for (const word of [id, "shop", "enqueue:tasks.data_tasks.*", "100/s", "somebody", "never"]) {
      expect(listed.stdout).toContain(word);
    }
    expect(listed.stdout).not.toContain(made.stdout.trim().slice(-64));

    await expect(run("revoke", id)).resolves.toMatchObject({ code: 0, stdout: `key ${id} is revoked\n` });
    await expect(run("list")).resolves.toMatchObject({ stdout: "no keys\n" });
    await expect(run("revoke", id)).resolves.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("KEY_NOT_FOUND"),
    });
  }));

test("with --json each command prints one document", () =>
  withKeys(async (run) => {
    const made = documentOf(await run("create", "robot", "--scope", "control", "--json")) as ApiKey & {
      token: string;
    };
    expect(made).toMatchObject({
      name: "robot",
      scopes: ["control"],
      expiresAt: null,
      createdBy: "somebody",
    });
    expect(made.token).toMatch(/^lovage_/);
    const { token: _token, ...key } = made;
    expect(documentOf(await run("list", "--json"))).toEqual([key]);
    expect(documentOf(await run("revoke", made.id, "--json"))).toEqual({ id: made.id, revoked: true });
  }));

test.each([
  [["create", "x"], 2, /--scope/],
  [["create", "x", "--scope", "reed"], 2, /did you mean read/],
  [["create", "x", "--scope", "read", "--rate", "fast"], 2, /10\/s/],
  [["create", "x", "--scope", "read", "--expires", "soon"], 2, /30s/],
  [["lst"], 2, /list/],
])("%j is refused", (args, code, said) =>
  withKeys(async (run) => {
    const ended = await run(...args);
    expect(ended).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(said) });
  }),
);
