import type { Call } from "./deadline.ts";
import { RayError } from "./errors.ts";

const MAX_ERROR_TEXT = 64 * 1024;

/** @throws RayError `RAY_RESPONSE_TOO_LARGE` past `limit` bytes; the rest is not read. */
export async function readBounded(body: AsyncIterable<Buffer>, limit: number, call: Call): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) {
      const message = `${call.method} ${call.path} answers more than ${limit} bytes; reading was stopped`;
      throw new RayError("RAY_RESPONSE_TOO_LARGE", message, { ...call });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The text of a failed answer; the status alone says much, so one that breaks off is taken as far as it came. */
export async function readErrorText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ERROR_TEXT) break;
    }
  } catch {
    // Broken off: what came is the text.
  }
  return Buffer.concat(chunks).toString("utf8", 0, MAX_ERROR_TEXT);
}
