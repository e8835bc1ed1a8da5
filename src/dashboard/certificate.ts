import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { LovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";

/** Paths of the two PEM files. */
export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

/** A certificate with those that vouch for it, and its key, as PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

const certName = "DASHBOARD_TLS_CERT_FILE";
const keyName = "DASHBOARD_TLS_KEY_FILE";

/** @throws LovageError `CONFIG_INVALID`, which names the file and shows nothing of the key */
export function readCertificate(files: CertificateFiles): Certificate {
  const pair = { cert: readFile(certName, files.certFile), key: readFile(keyName, files.keyFile) };
  const certificate = parse(certName, files.certFile, "certificate", () => new X509Certificate(pair.cert));
  const key = parse(keyName, files.keyFile, "key without a passphrase", () => createPrivateKey(pair.key));
  if (!certificate.checkPrivateKey(key)) {
    throw invalid(keyName, files.keyFile, `is not the key of the certificate in ${files.certFile}`);
  }
  // Whatever else stands in the files, such as a broken certificate behind the first one.
  parse(certName, files.certFile, "chain of certificates", () => createSecureContext(pair));
  return pair;
}

/** What is not a fault yet, or no longer one that a start could mend. */
export function warnOfExpiry({ cert }: Certificate, logger: Logger, now = Date.now()): void {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  const fields = { validFrom: validFromDate, validTo: validToDate };
  if (validToDate.getTime() <= now) logger.warn(fields, "the dashboard's certificate has expired: renew it");
  else if (validFromDate.getTime() > now) logger.warn(fields, "the dashboard's certificate is not valid yet");
  else if (validToDate.getTime() - now < expirySoon)
    logger.warn(fields, "the dashboard's certificate expires soon: renew it");
}

/** Milliseconds. */
const expirySoon = 14 * 24 * 3_600_000;

/** How often the files are looked at, and how often it is looked when the certificate expires, in milliseconds. */
const lookInterval = 2000;
const day = 24 * 3_600_000;

/**
 * Looks at the files again and again and tells of a pair that is good; one that is not is logged, and the one before stays.
 * @returns ends it
 */
export function followCertificate(
  files: CertificateFiles,
  first: Certificate,
  logger: Logger,
  onChange: (certificate: Certificate) => void,
): () => void {
  const textOf = () => {
    try {
      return readFileSync(files.certFile, "utf8") + readFileSync(files.keyFile, "utf8");
    } catch (error) {
      return (error as Error).message;
    }
  };
  let current = first;
  let judged = first.cert + first.key;
  let seen = judged;
  const timer = setInterval(() => {
    const text = textOf();
    // Two files are not replaced at one moment: what is new counts when it is still the same at the next look.
    const settled = text === seen;
    seen = text;
    if (!settled || text === judged) return;
    judged = text;
    try {
      current = readCertificate(files);
      onChange(current);
      logger.info("the dashboard's certificate was exchanged");
      warnOfExpiry(current, logger);
    } catch (error) {
      logger.error({ err: error }, "the dashboard's new certificate cannot be used; the one before stays");
    }
  }, lookInterval);
  const daily = setInterval(() => warnOfExpiry(current, logger), day);
  return () => {
    clearInterval(timer);
    clearInterval(daily);
  };
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(name, path, `cannot be read: ${(error as Error).message}`);
  }
}

function parse<T>(name: string, path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw invalid(name, path, `holds no ${what} in PEM`, cause);
  }
}

function invalid(name: string, path: string, what: string, cause?: unknown): LovageError {
  return new LovageError("CONFIG_INVALID", `${name}: ${path} ${what}`, {
    field: name,
    value: path,
    hint: `${certName} and ${keyName} name a certificate and its key as PEM files`,
    cause,
  });
}
