import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { lovage } from "./scripted-doors.ts";

const describeUser = async ({ name, role, password }: { name: string; role: string; password: string }) =>
  `${name}:${role}:hash of ${password}`;

/** A keyboard on which these keys are pressed as soon as somebody listens. */
function keyboard(...keys: string[]) {
  return (listener: (key: string) => void) => {
    for (const key of keys) queueMicrotask(() => listener(key));
    return () => {};
  };
}

test("a password is read from a pipe, up to the first line's end", async () => {
  const ended = await lovage(["users", "hash", "ada", "--role", "operator"], {
    describeUser,
    stdin: Readable.from(["corr", "ect\nmore"]),
  });
  expect(ended).toMatchObject({ code: 0, stdout: "ada:operator:hash of correct\n", stderr: "" });
});

test("at a terminal it is asked for twice, shown never, and mended by backspace", async () => {
  const ended = await lovage(["users", "hash", "ada"], {
    describeUser,
    onKey: keyboard("c", "orrecd", "\u007f", "t", "\r", "correct\r"),
  });
  expect(ended).toMatchObject({ code: 0, stdout: "ada:viewer:hash of correct\n" });
  expect(ended.stderr).toBe("Password: \nAgain: \n");
});

test("two that differ are refused, and so is a role that is none", async () => {
  const differing = await lovage(["users", "hash", "ada"], {
    describeUser,
    onKey: keyboard("one\r", "two\r"),
  });
  expect(differing.code).toBe(2);
  expect(differing.stderr).toContain("the two passwords differ");
  expect(differing.stderr).not.toContain("two\n");
  const role = await lovage(["users", "hash", "ada", "--role", "king"], { describeUser });
  expect(role.code).toBe(2);
  expect(role.stderr).toContain("viewer, operator, admin");
});

test("Ctrl-C prints nothing", async () => {
  const ended = await lovage(["users", "hash", "ada"], { describeUser, onKey: keyboard("one", "\u0003") });
  expect(ended).toMatchObject({ code: 130, stdout: "" });
});
