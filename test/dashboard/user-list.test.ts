import { expect, test } from "vitest";
import { describeUser, isLoopback, parseUsers, readUserList } from "../../src/dashboard/user-list.ts";
import { createUsers } from "../../src/dashboard/users.ts";

const settings = { user: "admin", password: undefined, users: undefined, host: "127.0.0.1" };

test("a line that is printed for a user is one that is read, and its password the one that fits", async () => {
  const line = await describeUser({ name: "ada", role: "operator", password: "correct horse" });
  const listed = parseUsers(`# who may log in\n\n${line}\n`);
  expect(listed).toMatchObject([{ name: "ada", role: "operator" }]);
  const users = await createUsers({ listed }, "secret");
  expect(await users.check("ada", "correct horse")).toMatchObject({ name: "ada", role: "operator" });
  expect(await users.check("ada", "wrong")).toBeUndefined();
  expect(await users.check("bob", "correct horse")).toBeUndefined();
});

test("every fault of the file is named, and no hash", async () => {
  const hash = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$not-long-enough";
  const text = ["ada:king:x", "bob:admin", "b b:admin:x", `eve:admin:${hash}`].join("\n");
  const refused = await Promise.resolve()
    .then(() => parseUsers(text))
    .catch((error: Error) => error.message);
  expect(refused).toContain('line 1 of DASHBOARD_USERS_FILE gives ada the role "king"');
  expect(refused).toContain("line 2 of DASHBOARD_USERS_FILE is not name:role:hash");
  expect(refused).toContain('line 3 of DASHBOARD_USERS_FILE names "b b"');
  expect(refused).not.toContain("argon2");
});

test("without a password a random one is made on loopback, and anywhere else the start is refused", () => {
  const { first, made } = readUserList(settings);
  expect(made).toBe(true);
  expect(first?.name).toBe("admin");
  expect(first?.password).toMatch(/^[\w-]{16}$/);
  expect(readUserList(settings).first?.password).not.toBe(first?.password);
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "example.org"]) {
    expect(() => readUserList({ ...settings, host }), host).toThrow("without a password");
    expect(() => readUserList({ ...settings, host, password: "short" }), host).toThrow("shorter than 8");
    expect(readUserList({ ...settings, host, password: "long enough" }).made).toBe(false);
  }
});

test("the same password is the same hash after a restart, and in another deployment another", async () => {
  const first = { name: "admin", password: "correct horse" };
  const [once, again, elsewhere] = await Promise.all(
    ["secret", "secret", "another"].map((secret) => createUsers({ listed: [], first }, secret)),
  );
  expect(again?.find("admin")?.mark).toBe(once?.find("admin")?.mark);
  expect(elsewhere?.find("admin")?.mark).not.toBe(once?.find("admin")?.mark);
});

test("loopback is what only this machine reaches", () => {
  expect(["127.0.0.1", "127.8.8.8", "::1", "localhost"].every(isLoopback)).toBe(true);
  expect(["0.0.0.0", "::", "10.0.0.1", "localhost.example"].some(isLoopback)).toBe(false);
});

test("a random password is refused its place when the file has users, and a user is named once", async () => {
  const users = await describeUser({ name: "admin", role: "admin", password: "correct horse" });
  expect(readUserList({ ...settings, users, host: "0.0.0.0" })).toMatchObject({ made: false });
  expect(readUserList({ ...settings, users }).first).toBeUndefined();
  expect(() => readUserList({ ...settings, users, password: "correct horse" })).toThrow("has admin too");
});
