import type { Call } from "./deadline.ts";
import { RayError } from "./errors.ts";

// Faults before the first byte of a request could leave this machine.
const unsent = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "EPROTO"]);
const notHttp = /^(?:HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_INVALID_ARG)/;
const notTrusted = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO)/;

/** A fault of the connection as a RayError. */
export function errorFromFault(call: Call, cause: unknown): RayError {
  const code = faultCode(cause);
  const name = `${call.method} ${call.path}`;
  const said = cause instanceof Error && cause.message !== "" ? cause.message : code;
  // undici leaves the code of its HTTPParserError unset.
  if (notHttp.test(code) || (cause instanceof Error && cause.name === "HTTPParserError")) {
    return new RayError("RAY_PROTOCOL", `${name}: what answered does not speak HTTP (${said})`, {
      ...call,
      cause,
    });
  }
  if (notTrusted.test(code)) {
    const message = `${name}: TLS failed (${said}); is the address right, and \`ca\` the cluster's?`;
    return new RayError("RAY_UNAVAILABLE", message, { ...call, cause, retryable: false });
  }
  return new RayError("RAY_UNAVAILABLE", `${name}: no answer from Ray (${said})`, { ...call, cause });
}

/** Whether Ray cannot have seen the request. */
export function neverSent(error: RayError): boolean {
  if (error.status !== undefined || error.cause === undefined) return false;
  const code = faultCode(error.cause);
  return unsent.has(code) || notTrusted.test(code);
}

function faultCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
}
