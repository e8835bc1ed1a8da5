/** Every code this client raises. A code is never reused for another meaning. */
export type RayErrorCode =
  | "RAY_NOT_FOUND"
  | "RAY_CONFLICT"
  | "RAY_REJECTED"
  | "RAY_UNAUTHORIZED"
  | "RAY_UNAVAILABLE"
  | "RAY_TIMEOUT"
  | "RAY_PROTOCOL"
  | "RAY_PACKAGE_TOO_LARGE"
  | "RAY_PACKAGE_INVALID"
  | "RAY_RESPONSE_TOO_LARGE"
  | "RAY_ADDRESS_INVALID"
  | "RAY_ABORTED";

export interface RayErrorDetails {
  /** HTTP status, where Ray answered. */
  status?: number | undefined;
  method?: string | undefined;
  path?: string | undefined;
  /** What Ray answered; kept to its last 2,000 characters. */
  body?: string | undefined;
  /** Whether the same call may be made again with a hope of success. Default: by code. */
  retryable?: boolean | undefined;
  cause?: unknown;
}

const BODY_EXCERPT = 2_000;
const retryableCodes: ReadonlySet<RayErrorCode> = new Set(["RAY_UNAVAILABLE", "RAY_TIMEOUT"]);

/** The one error of this client: match on `code`. Neither the token nor a custom header's value is ever in it. */
export class RayError extends Error {
  readonly code: RayErrorCode;
  readonly status: number | undefined;
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly retryable: boolean;

  constructor(code: RayErrorCode, message: string, details: RayErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = "RayError";
    this.code = code;
    this.status = details.status;
    this.method = details.method ?? "";
    this.path = details.path ?? "";
    this.body = details.body?.slice(-BODY_EXCERPT);
    this.retryable = details.retryable ?? retryableCodes.has(code);
  }
}
