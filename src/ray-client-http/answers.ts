import { RayError, type RayErrorCode } from "./errors.ts";

/** An answer of Ray's that is not a success. */
export interface FailedAnswer {
  method: string;
  path: string;
  status: number;
  text: string;
}

const MESSAGE_LENGTH = 500;

/** Reads the code and the message out of an answer: Ray says what is wrong in text, often a traceback in a 500. */
export function errorFromAnswer(answer: FailedAnswer): RayError {
  const { method, path, status, text } = answer;
  const { code, retryable, hint } = classify(answer);
  const reason = lastMeaningfulLine(text);
  const message = `${method} ${path} was answered ${status}${reason && `: ${reason}`}${hint && ` (${hint})`}`;
  return new RayError(code, message, { status, method, path, body: text, retryable });
}

interface Verdict {
  code: RayErrorCode;
  retryable: boolean;
  hint: string;
}

function classify({ method, path, status, text }: FailedAnswer): Verdict {
  const verdict = (code: RayErrorCode, hint = "", retryable = code === "RAY_UNAVAILABLE"): Verdict => ({
    code,
    retryable,
    hint,
  });
  if (status === 401)
    return verdict("RAY_UNAUTHORIZED", "the cluster wants a token and none reached it: set `token`");
  if (status === 403) return verdict("RAY_UNAUTHORIZED", "the token is not the cluster's");
  if (status === 404) {
    // A route Ray does not know is no news about a job: taking it for one would declare a running job lost.
    return isRouteMissing(text)
      ? verdict("RAY_PROTOCOL", "no such route: is the address that of Ray's dashboard?")
      : verdict("RAY_NOT_FOUND");
  }
  if (status === 405) return verdict("RAY_PROTOCOL", "Ray refuses what looks like a browser's request");
  if (status === 408) return verdict("RAY_TIMEOUT", "", true);
  if (status === 413) {
    return verdict(method === "PUT" ? "RAY_PACKAGE_TOO_LARGE" : "RAY_REJECTED", "the request is too large");
  }
  if (status === 425 || status === 429) return verdict("RAY_UNAVAILABLE");
  if (status < 400) return verdict("RAY_PROTOCOL", "a redirect is not followed: give the final address");
  if (isSubmit(method, path) && /already exists/.test(text)) return verdict("RAY_CONFLICT");
  if (status < 500) return verdict("RAY_REJECTED");
  if (status === 501 || status === 505) return verdict("RAY_PROTOCOL");
  if (status > 501) return verdict("RAY_UNAVAILABLE");
  if (/non-terminal state/.test(text)) return verdict("RAY_CONFLICT", "stop the Ray job first");
  if (/^A file is not found|^Agent for node id: .* doesn't exist|Job '?\S+? does not exist/m.test(text)) {
    return verdict("RAY_NOT_FOUND");
  }
  // The agent's own 400 comes wrapped into the head's 500.
  if (/Request failed with status code 4\d\d/.test(text)) return verdict("RAY_REJECTED");
  if (/^(?:ValueError|TypeError): /m.test(text)) return verdict("RAY_REJECTED");
  // Parsing the body is all that Ray leaves unguarded on a submit; elsewhere this text is the cluster's own fault.
  if (isSubmit(method, path) && /Server got itself in trouble/.test(text)) {
    return verdict("RAY_REJECTED", "Ray could not read the request");
  }
  return verdict("RAY_UNAVAILABLE");
}

function isSubmit(method: string, path: string): boolean {
  return method === "POST" && path.endsWith("/api/jobs/");
}

function isRouteMissing(text: string): boolean {
  return /^\s*404: Not Found\s*$/.test(text) || /^\s*</.test(text);
}

/** The line of a traceback or text that says what happened, without Python's exception name, at most 500 characters. */
export function lastMeaningfulLine(text: string): string {
  const title = /^\s*</.test(text) ? /<title>([^<]*)<\/title>/i.exec(text) : null;
  if (title !== null) return (title[1] ?? "").trim();
  const lines = text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== "" && line.trim() !== ".");
  const raised = lines.findLast((line) => /^(?:\w+\.)*\w*(?:Error|Exception|Timeout)\b: /.test(line));
  const line = (raised ?? lines.at(-1) ?? "").trim();
  const plain = line.replace(/^(?:ValueError|TypeError|RuntimeError|Exception): /, "");
  return plain.length > MESSAGE_LENGTH ? `${plain.slice(0, MESSAGE_LENGTH)}…` : plain;
}
