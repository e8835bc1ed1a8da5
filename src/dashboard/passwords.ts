import { hash, parseOptions, verify } from "@node-rs/argon2";

/**
 * A password's Argon2id hash, in the usual text form (`$argon2id$…`).
 * @param salt 16 bytes; default: random
 */
export function hashPassword(password: string, salt?: Uint8Array): Promise<string> {
  return hash(password, salt === undefined ? {} : { salt });
}

export function verifyPassword(hashed: string, password: string): Promise<boolean> {
  return verify(hashed, password);
}

export function isPasswordHash(text: string): boolean {
  try {
    parseOptions(text);
    return true;
  } catch {
    return false;
  }
}
