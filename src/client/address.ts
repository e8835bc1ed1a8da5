import { LovageError } from "../core/errors.ts";
import type { HttpClientOptions } from "./options.ts";

/**
 * Where the dashboard is, without a slash at the end; neither the URL nor the key is in what is thrown.
 * @throws LovageError `INPUT_INVALID`
 */
export function readAddress({ url, apiKey, insecure = false }: HttpClientOptions): string {
  const parsed = parseUrl(url);
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw refused(
      "url",
      "the url is none that begins with https:// or http://",
      "use the dashboard's address",
    );
  if (parsed.username !== "" || parsed.password !== "")
    throw refused("url", "the url has a user or a password", "leave them out: the apiKey says who asks");
  if (parsed.search !== "" || parsed.hash !== "")
    throw refused("url", "the url has a query or a fragment", "use the dashboard's address alone");
  if (parsed.protocol === "http:" && !isLoopback(parsed.hostname) && !insecure) {
    throw refused(
      "url",
      `over plain http anybody between here and ${parsed.host} can read the API key`,
      "use https, or on a network that is trusted `insecure: true` (LOVAGE_INSECURE=true)",
    );
  }
  // What a header cannot hold would be told, key and all, by whoever sends it.
  if (typeof apiKey !== "string" || !/^[\x21-\x7e]{1,500}$/.test(apiKey))
    throw refused("apiKey", "the apiKey is no API key", "make one with `lovage keys create`");
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}`;
}

function parseUrl(text: unknown): URL | undefined {
  try {
    return new URL(String(text));
  } catch {
    return undefined;
  }
}

function isLoopback(host: string): boolean {
  return (
    host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d+){3}$/.test(host)
  );
}

function refused(field: string, message: string, hint: string): LovageError {
  return new LovageError("INPUT_INVALID", message, { field, hint });
}
