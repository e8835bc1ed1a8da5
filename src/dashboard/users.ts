import { createHash } from "node:crypto";
import { hashPassword, verifyPassword } from "./passwords.ts";
import type { Viewer } from "./viewer.ts";

export interface User extends Viewer {
  /** As `lovage users hash` prints it. */
  hash: string;
}

/** Whom the dashboard lets in. */
export interface UserList {
  /** With their hashes. */
  readonly listed: readonly User[];
  /** An admin whose password is at hand. */
  readonly first?: { readonly name: string; readonly password: string } | undefined;
}

/** A user as a session remembers it. */
export interface KnownUser extends Viewer {
  /** Changes with the password, so that a session of an old one ends. */
  mark: string;
}

export interface Users {
  find(name: string): KnownUser | undefined;
  /** The user, if the password is right. Takes as long for names that nobody has. */
  check(name: string, password: string): Promise<KnownUser | undefined>;
}

/**
 * @param secret of this deployment; the first user's hash is salted with it, so that the same password is the same hash
 * after a restart, and logins go on
 */
export async function createUsers({ listed, first }: UserList, secret: string): Promise<Users> {
  const users = new Map(listed.map((user) => [user.name, user]));
  if (first !== undefined) {
    const salt = createHash("sha256").update(`${secret}\n${first.name}`).digest().subarray(0, 16);
    const hash = await hashPassword(first.password, salt);
    users.set(first.name, { name: first.name, role: "admin", hash });
  }
  // The same effort as for a user who is there.
  const nobody = users.values().next().value?.hash ?? (await hashPassword(secret));

  const known = ({ name, role, hash }: User): KnownUser => ({
    name,
    role,
    mark: createHash("sha256").update(hash).digest("base64url").slice(0, 16),
  });

  return {
    find(name) {
      const user = users.get(name);
      return user && known(user);
    },
    async check(name, password) {
      const user = users.get(name);
      const right = await verifyPassword(user?.hash ?? nobody, password);
      return right && user !== undefined ? known(user) : undefined;
    },
  };
}
