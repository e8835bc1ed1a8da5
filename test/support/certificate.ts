import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A certificate for 127.0.0.1 and its key, as PEM. */
export interface Pair {
  key: string;
  cert: string;
}

/**
 * An authority of its own and what it signed.
 * @param days of each certificate how long it is still valid; it began a month ago
 */
export function makeAuthority(...days: number[]): { ca: string; pairs: Pair[] } {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const args = [here("certificate.py"), ...days.map(String)];
  return JSON.parse(execFileSync(here("../../.venv/bin/python"), args, { encoding: "utf8" }));
}

/** One that is valid for a day, with its authority. */
export function makeCertificate(): Pair & { ca: string } {
  const { ca, pairs } = makeAuthority(1);
  return { ...(pairs[0] as Pair), ca };
}
