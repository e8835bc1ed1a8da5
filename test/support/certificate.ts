import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A key and a certificate for 127.0.0.1 that nobody but its own text vouches for, as PEM. */
export function makeCertificate(): { key: string; cert: string } {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const made = execFileSync(here("../../.venv/bin/python"), [here("certificate.py")], { encoding: "utf8" });
  return JSON.parse(made) as { key: string; cert: string };
}
