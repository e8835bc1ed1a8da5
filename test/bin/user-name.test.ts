import { execFileSync } from "node:child_process";
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { userName } from "../../src/bin/user-name.ts";

test("a user has a name", () => {
  expect(userName()).toBe(userInfo().username);
});

// Only root may become another user.
test.skipIf(process.getuid?.() !== 0)("a user whom nobody named has a number", () => {
  const file = fileURLToPath(new URL("../../src/bin/user-name.ts", import.meta.url));
  const code = `import { userName } from ${JSON.stringify(file)}; process.stdout.write(userName());`;
  const said = execFileSync(process.execPath, ["--input-type=module", "--eval", code], {
    uid: 54_321,
    cwd: "/",
    encoding: "utf8",
  });
  expect(said).toBe("user 54321");
});
