/** Why no TLS came about, where another try in a moment would end the same way. */
export type TlsFault = "authority" | "name" | "time" | "no-tls";

/** Codes of Node and of OpenSSL, which both name them in an error's `code`. */
const faults: Readonly<Record<string, TlsFault>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "authority",
  SELF_SIGNED_CERT_IN_CHAIN: "authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "authority",
  UNABLE_TO_GET_ISSUER_CERT: "authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "authority",
  CERT_SIGNATURE_FAILURE: "authority",
  CERT_UNTRUSTED: "authority",
  CERT_REJECTED: "authority",
  INVALID_CA: "authority",
  ERR_TLS_CERT_ALTNAME_INVALID: "name",
  HOSTNAME_MISMATCH: "name",
  CERT_HAS_EXPIRED: "time",
  CERT_NOT_YET_VALID: "time",
  ERR_SSL_WRONG_VERSION_NUMBER: "no-tls",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "no-tls",
};

/** @returns undefined for what is no fault of the other side's certificate */
export function tlsFaultOf(error: unknown): TlsFault | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    const fault = code === undefined ? undefined : faults[code];
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * What to do about it, as a hint.
 * @param words `whose`: "Redis", "the dashboard"; `setting`: what names the authority; `given`: whether one is named
 */
export function tlsHint(
  fault: TlsFault,
  { whose, setting, given, plain }: { whose: string; setting: string; given: boolean; plain: string },
): string {
  switch (fault) {
    case "authority":
      return given
        ? `the authority of ${setting} did not sign the certificate of ${whose}: get the authority's current certificate`
        : `name the certificate of the authority that signed the one of ${whose}: ${setting}`;
    case "name":
      return `connect by a name or address that the certificate of ${whose} is for, or make it a certificate with this one`;
    case "time":
      return `renew the certificate of ${whose}, or set this machine's clock`;
    case "no-tls":
      return `no TLS is spoken on this port: ${plain}, or another port`;
  }
}
