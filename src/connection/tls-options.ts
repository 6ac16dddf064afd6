/** How a client speaks TLS. */
export interface TlsOptions {
  /** Certificate authorities to trust instead of the well-known ones, PEM. */
  readonly ca?: string | Uint8Array | undefined
  /** This client's certificate, PEM, if the broker requires one. */
  readonly cert?: string | Uint8Array | undefined
  /** The private key of the certificate, PEM. */
  readonly key?: string | Uint8Array | undefined
  /** The name that the broker's certificate must have. Default: the host connected to. */
  readonly serverName?: string | undefined
  /** `false` accepts any certificate: for tests only. Default true. */
  readonly rejectUnauthorized?: boolean | undefined
}
