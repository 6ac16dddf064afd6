/** A listener's certificate as Node's servers take it, also anew while they listen. */
import { createSecureContext } from 'node:tls'
import { invalid } from '../core/options.ts'
import type { TlsConfig } from './listener-config.ts'

export interface SecureOptions {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly ca?: string | Buffer
  readonly requestCert?: boolean
}

/** With authorities clients must have a certificate. */
export function secureOptions({ cert, key, ca }: TlsConfig): SecureOptions {
  return {
    cert: pem(cert),
    key: pem(key),
    ...(ca !== undefined && { ca: pem(ca), requestCert: true }),
  }
}

/** Throws `ConfigError` for a certificate that is none, or a key that is not its own. */
export function checkCertificate(tls: TlsConfig, name: string): void {
  try {
    const { cert, key, ca } = secureOptions(tls)
    createSecureContext({ cert, key, ...(ca !== undefined && { ca }) })
  } catch (error) {
    throw invalid(
      `The certificate of listener '${name}' cannot be used: ${(error as Error).message}`,
    )
  }
}

function pem(value: string | Uint8Array): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value)
}
