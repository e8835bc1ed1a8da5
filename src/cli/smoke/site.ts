import { once } from "node:events";
import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { BlockList, isIP } from "node:net";
import { rootCertificates } from "node:tls";
import { LovageError } from "../../core/errors.ts";

/** Where a dashboard is, and how its certificate is looked at. */
export interface SiteOptions {
  url: string;
  /** PEM text of an authority that is trusted besides the usual ones. */
  ca: string | undefined;
  /** Whether any certificate will do; of this very machine only. */
  insecure: boolean;
}

export interface Answer {
  status: number;
  /** Where it leads to; empty: nowhere. */
  location: string;
  body: string;
}

/** A dashboard as a browser without a window sees it: it keeps cookies and follows no redirect. */
export interface Site {
  get(path: string, accept?: string): Promise<Answer>;
  /** Sends a form as a page of the dashboard would. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Answer>;
}

/** How long an answer may take, in milliseconds: a login hashes a password, and others may do so at the same moment. */
const patience = 15_000;

/** No page is longer than this many characters. */
const longestBody = 5_000_000;

/** @throws LovageError `USAGE` for a URL that is none, or where `insecure` would trust another machine */
export function createSite({ url, ca, insecure }: SiteOptions): Site {
  const base = readUrl(url);
  if (insecure && !isThisMachine(base.hostname)) {
    throw new LovageError("USAGE", `--insecure trusts whoever answers at ${base.host}`, {
      field: "insecure",
      value: base.host,
      hint: "it is for 127.0.0.1 and localhost only; name the authority's certificate instead: --ca FILE",
    });
  }
  // Not fetch: it takes neither an authority nor any certificate.
  const request = base.protocol === "https:" ? requestTls : requestPlain;
  const tls =
    base.protocol !== "https:"
      ? {}
      : { rejectUnauthorized: !insecure, ...(ca !== undefined && { ca: [...rootCertificates, ca] }) };
  const cookies = new Map<string, string>();

  async function send(
    method: string,
    path: string,
    headers: Record<string, string>,
    form = "",
  ): Promise<Answer> {
    const sending = request(new URL(path, base), {
      ...tls,
      method,
      headers: {
        ...headers,
        ...(cookies.size > 0 && {
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        }),
      },
      signal: AbortSignal.timeout(patience),
    });
    try {
      sending.end(form);
      const [response] = await once(sending, "response");
      for (const cookie of response.headers["set-cookie"] ?? []) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(name, value);
      }
      let body = "";
      response.setEncoding("utf8");
      for await (const part of response) if (body.length < longestBody) body += part;
      return { status: response.statusCode, location: response.headers.location ?? "", body };
    } catch (cause) {
      throw unreachable(base, cause);
    }
  }

  return {
    get: (path, accept = "text/html") => send("GET", path, { accept }),
    post(path, fields) {
      const form = new URLSearchParams(fields).toString();
      const headers = {
        accept: "text/html",
        origin: base.origin,
        "content-type": "application/x-www-form-urlencoded",
        "content-length": String(Buffer.byteLength(form)),
      };
      return send("POST", path, headers, form);
    },
  };
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new LovageError("USAGE", `${JSON.stringify(text)} is no URL of a dashboard`, {
    field: "dashboard",
    value: text,
    hint: "write it as https://127.0.0.1:5555",
  });
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

function isThisMachine(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const family = isIP(host);
  return family === 0 ? host === "localhost" : loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** What TLS says of a certificate whose authority is not known. */
const untrusted = /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

function unreachable(base: URL, cause: unknown): LovageError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const why = code === "ABORT_ERR" ? `no answer in ${patience} ms` : message || code;
  return new LovageError("API_UNAVAILABLE", `the dashboard at ${base.origin} cannot be used: ${why}`, {
    cause,
    hint: untrusted.test(code)
      ? "name the certificate of its authority: --ca FILE"
      : "is it up, and is the address right, http:// or https://?",
  });
}
