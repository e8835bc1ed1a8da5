/** How to reach a cluster. */
export interface RayClientOptions {
  /** Ray's dashboard, `http://127.0.0.1:8265`; https and a path prefix are fine, user and password are not. */
  address: string;
  /** Sent as `Authorization: Bearer`; it replaces a custom `authorization` header. Never printed. */
  token?: string | undefined;
  /** Sent with every request, the log socket's too. Never `origin`, `referer` or `sec-fetch-*`: Ray answers 405. */
  headers?: Record<string, string> | undefined;
  /** Certificates to trust instead of the system's, as PEM text. */
  ca?: string | undefined;
  timeouts?: Timeouts | undefined;
  retries?: Retries | undefined;
}

/** All in milliseconds. Each but `connectMs` bounds a whole call, its retries included. */
export interface Timeouts {
  /** To open a connection. Default 5,000. */
  connectMs?: number | undefined;
  /** Any call but the two below. Default 15,000. */
  requestMs?: number | undefined;
  /** The POST of a submit; settling a lost answer adds up to `settleMs`. Default 60,000. */
  submitMs?: number | undefined;
  /**
   * The PUT of the largest package, of 100 MiB: a smaller one is given `requestMs` and its share of this, so that a lost
   * answer to a few kilobytes is noticed soon. Default 300,000.
   */
  uploadMs?: number | undefined;
  /** How long a submit whose answer was lost is looked for. Default 6,000. */
  settleMs?: number | undefined;
}

/** For GETs, the PUT of a package, `stop` and the log socket: what may be sent twice without harm. */
export interface Retries {
  /** Tries in all. Default 3. */
  attempts?: number | undefined;
  /** The first pause in milliseconds; each is twice the one before, with jitter. Default 200. */
  baseMs?: number | undefined;
  /** The longest pause in milliseconds. Default 2,000. */
  maxMs?: number | undefined;
}

export interface CallOptions {
  /** Ends the call with `RAY_ABORTED`. */
  signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call; replaces the client's own timeout. Ends it with `RAY_TIMEOUT`. */
  timeoutMs?: number | undefined;
}

export interface Settings {
  timeouts: { [key in keyof Timeouts]-?: number };
  retries: { [key in keyof Retries]-?: number };
}

export function readSettings({ timeouts, retries }: RayClientOptions): Settings {
  return {
    timeouts: {
      connectMs: timeouts?.connectMs ?? 5_000,
      requestMs: timeouts?.requestMs ?? 15_000,
      submitMs: timeouts?.submitMs ?? 60_000,
      uploadMs: timeouts?.uploadMs ?? 300_000,
      settleMs: timeouts?.settleMs ?? 6_000,
    },
    retries: {
      attempts: Math.max(1, retries?.attempts ?? 3),
      baseMs: retries?.baseMs ?? 200,
      maxMs: retries?.maxMs ?? 2_000,
    },
  };
}

/** The pause before the next try, in milliseconds: doubled each time, with jitter so that many clients spread out. */
export function backoff(failures: number, { baseMs, maxMs }: Settings["retries"]): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.max(0, failures - 1));
  return full / 2 + (Math.random() * full) / 2;
}
