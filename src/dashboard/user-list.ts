import { randomBytes } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { LovageError } from "../core/errors.ts";
import { hashPassword, isPasswordHash } from "./passwords.ts";
import type { User, UserList } from "./users.ts";
import { type Role, roles, type Viewer } from "./viewer.ts";

export interface UserSettings {
  /** Name of the first user. */
  user: string;
  password: string | undefined;
  /** The text of the users' file. */
  users: string | undefined;
  /** Where the dashboard listens. */
  host: string;
}

/**
 * Whom the configuration lets in. Without a password and a users' file a random password is made on loopback.
 * @returns `made` when the first user's password was made here
 * @throws LovageError `CONFIG_INVALID`, with every fault of the users' file
 */
export function readUserList({ user, password, users, host }: UserSettings): UserList & { made: boolean } {
  const listed = users === undefined ? [] : parseUsers(users);
  if (!isUserName(user)) throw invalid([`DASHBOARD_USER is ${JSON.stringify(user)}: use ${nameRule}`]);
  if (password !== undefined) {
    if (listed.some(({ name }) => name === user)) {
      throw invalid([`the users' file has ${user} too, whose password is DASHBOARD_PASSWORD`]);
    }
    if (password.length < shortestPassword && !isLoopback(host)) {
      throw invalid([
        `DASHBOARD_PASSWORD is shorter than ${shortestPassword} characters, for others than this machine`,
      ]);
    }
    return { listed, first: { name: user, password }, made: false };
  }
  if (listed.length > 0) return { listed, made: false };
  if (!isLoopback(host)) {
    throw new LovageError(
      "CONFIG_INVALID",
      `the dashboard would listen on ${host} without a password: DASHBOARD_PASSWORD is not set`,
      {
        field: "DASHBOARD_PASSWORD",
        hint: "set DASHBOARD_PASSWORD, or DASHBOARD_USERS_FILE, or listen on 127.0.0.1 only (DASHBOARD_HOST)",
      },
    );
  }
  return { listed, first: { name: user, password: randomBytes(12).toString("base64url") }, made: true };
}

/**
 * The users of a file: a line each, `name:role:hash`; empty lines and those that begin with # say nothing.
 * @throws LovageError `CONFIG_INVALID`
 */
export function parseUsers(text: string): User[] {
  const faults: string[] = [];
  const users = new Map<string, User>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const fault = (what: string) => faults.push(`line ${index + 1} of DASHBOARD_USERS_FILE ${what}`);
    // The hash itself has no colon.
    const [name = "", role = "", hash = "", ...rest] = line.trim().split(":");
    if (hash === "" || rest.length > 0) fault("is not name:role:hash");
    else if (!isUserName(name)) fault(`names ${JSON.stringify(name)}: use ${nameRule}`);
    else if (!isRole(role)) fault(`gives ${name} the role ${JSON.stringify(role)}: use ${roles.join(", ")}`);
    else if (!isPasswordHash(hash)) fault(`has no password hash for ${name}`);
    else if (users.has(name)) fault(`names ${name} a second time`);
    else users.set(name, { name, role, hash });
  }
  if (faults.length > 0) throw invalid(faults);
  return [...users.values()];
}

/** A line of the users' file. @throws LovageError `INPUT_INVALID` */
export async function describeUser(user: Viewer & { password: string }): Promise<string> {
  const { name, role, password } = user;
  if (!isUserName(name)) {
    throw new LovageError("INPUT_INVALID", `${JSON.stringify(name)} is no user's name`, {
      field: "name",
      value: name,
      hint: `use ${nameRule}`,
    });
  }
  if (password.length < shortestPassword) {
    throw new LovageError("INPUT_INVALID", `the password is shorter than ${shortestPassword} characters`, {
      field: "password",
      hint: "use a longer one",
    });
  }
  return `${name}:${role}:${await hashPassword(password)}`;
}

const shortestPassword = 8;

const nameRule = "1 to 64 letters, digits, dots, dashes, underscores or @";

function isUserName(text: string): boolean {
  return /^[\p{L}\p{N}._@-]{1,64}$/u.test(text);
}

function isRole(text: string): text is Role {
  return (roles as readonly string[]).includes(text);
}

function invalid(faults: readonly string[]): LovageError {
  const heading = faults.length === 1 ? "the users have a fault" : `the users have ${faults.length} faults`;
  return new LovageError(
    "CONFIG_INVALID",
    [`${heading}:`, ...faults.map((fault) => `  ${fault}`)].join("\n"),
    {
      hint: "lovage users hash prints a line that is right",
    },
  );
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether nobody but this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === "localhost";
  return loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}
