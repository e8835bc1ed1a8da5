import type * as Https from "node:https";
import type * as Stream from "node:stream";
import { LovageError } from "../../core/errors.ts";

/**
 * A `fetch` that trusts one authority instead of those that Node knows. The global one cannot be told an authority, only
 * all of the process, and what could (undici) is larger than the rest of this client. It does what the client needs: no
 * redirects, no compression, bodies that are texts.
 * @throws LovageError `INPUT_INVALID` outside of Node, where nobody can say whom to trust
 */
export function fetchTrusting(ca: string): typeof fetch {
  const https = builtin<typeof Https>("node:https");
  const { Readable } = builtin<typeof Stream>("node:stream");
  const agent = new https.Agent({ ca, keepAlive: true });

  return async (input, { method = "GET", headers, body, signal } = {}) => {
    const answer = Promise.withResolvers<Response>();
    const options = {
      agent,
      method,
      headers: Object.fromEntries(new Headers(headers)),
      ...(signal && { signal }),
    };
    const request = https.request(String(input), options, (message) => {
      const { statusCode: status = 0, statusMessage: statusText = "" } = message;
      const pairs = Object.entries(message.headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      );
      // These have no body, and a Response insists on that.
      const empty = status === 204 || status === 304;
      if (empty) message.resume();
      const stream = empty ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>);
      answer.resolve(new Response(stream, { status, statusText, headers: pairs }));
    });
    request.on("error", answer.reject);
    request.end(typeof body === "string" ? body : undefined);
    return answer.promise;
  };
}

/** Without an import, which a bundler for browsers would follow. */
function builtin<Module>(name: string): Module {
  const module = globalThis.process?.getBuiltinModule?.(name);
  if (module !== undefined) return module as Module;
  throw new LovageError("INPUT_INVALID", "an authority can be named on Node alone", {
    field: "ca",
    hint: "leave ca out: a browser trusts whom its user trusts",
  });
}
