import type { RequestHandler } from "express";
import helmet from "helmet";

/** Seconds. */
const month = 30 * 24 * 3600;

/**
 * What browsers may do with our pages: our own scripts and styles, nothing inline, nothing from elsewhere, no frames.
 * @param tls whether TLS ends here
 */
export function securityHeaders(tls: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        // A bar's width is said where the bar is.
        styleSrcAttr: ["'unsafe-inline'"],
        imgSrc: ["'self'", "data:"],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Where TLS ends at a proxy, that is who says it. It counts for all ports of a host's name, so not for other hosts, too.
    strictTransportSecurity: tls && { maxAge: month, includeSubDomains: false },
    referrerPolicy: { policy: "same-origin" },
    xFrameOptions: { action: "deny" },
  });
}

/** For pages of others, whose styles are in the markup. */
export function allowInlineStyles(): RequestHandler {
  return (_request, response, next) => {
    const policy = String(response.getHeader("content-security-policy") ?? "");
    response.set(
      "Content-Security-Policy",
      policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
    );
    next();
  };
}

/** What a page shows is nobody else's, and tomorrow something else. */
export const keepNothing: RequestHandler = (_request, response, next) => {
  response.set("Cache-Control", "no-store");
  next();
};
