import { X509Certificate } from "node:crypto";
import { RayError } from "./errors.ts";
import type { RayClientOptions } from "./options.ts";

/** Where and as whom to speak to Ray, checked once when the client is made. */
export interface Endpoint {
  /** `http://host:port`, without a path. */
  origin: string;
  /** The path in front of Ray's own paths; "" or "/prefix", without a slash at its end. */
  prefix: string;
  headers: Record<string, string>;
  ca: string | undefined;
  /** Takes the token and the values of custom headers out of a text. */
  redact(text: string): string;
}

// Shorter values ("1", "true") are no secrets, and taking them out would garble every message.
const SHORTEST_SECRET = 6;

/** @throws RayError `RAY_ADDRESS_INVALID` when the address, the token, a header or the CA cannot be used. */
export function readEndpoint(options: RayClientOptions): Endpoint {
  const url = readUrl(options.address);
  const custom = Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  const token = options.token?.trim();
  const headers: Record<string, string> = {
    accept: "application/json, text/plain",
    "user-agent": "ray-client-http",
    ...(Object.fromEntries(custom) as Record<string, string>),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  };
  for (const [name, value] of Object.entries(headers)) checkHeader(name, value);
  checkCertificate(options.ca);
  const secrets = [token ?? "", ...Object.values(options.headers ?? {})]
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .sort((one, other) => other.length - one.length);
  return {
    origin: url.origin,
    prefix: url.pathname.replace(/\/+$/, ""),
    headers,
    ca: options.ca,
    redact: (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, "[hidden]"), text),
  };
}

function readUrl(address: string): URL {
  const invalid = (why: string) =>
    new RayError(
      "RAY_ADDRESS_INVALID",
      // What stands before an @ may be a password.
      `${address.includes("@") ? "the address" : `"${address}"`} ${why}; give Ray's dashboard, such as http://127.0.0.1:8265`,
    );
  if (!URL.canParse(address)) throw invalid("is not a URL");
  const url = new URL(address);
  if (url.protocol === "ray:") throw invalid("is a Ray Client address, not the Jobs API's");
  if (url.protocol !== "http:" && url.protocol !== "https:") throw invalid("is neither http nor https");
  if (url.username !== "" || url.password !== "") throw invalid("holds a user or password; use `headers`");
  if (url.search !== "" || url.hash !== "") throw invalid("has a query or a fragment");
  return url;
}

function checkHeader(name: string, value: string): void {
  if (/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return;
  const what = name === "authorization" ? "the token" : `the header "${name.slice(0, 80)}"`;
  throw new RayError("RAY_ADDRESS_INVALID", `${what} has characters that cannot travel in HTTP`);
}

function checkCertificate(ca: string | undefined): void {
  if (ca === undefined) return;
  try {
    new X509Certificate(ca);
  } catch (cause) {
    throw new RayError("RAY_ADDRESS_INVALID", "`ca` is no certificate in PEM: give its text, not a path", {
      cause,
    });
  }
}
