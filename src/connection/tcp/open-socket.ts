/** Makes a TCP or TLS connection to a broker, and says in plain words why there is none. */

import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { onAbort } from '../../core/abort.ts'
import { abortReason } from '../../core/backoff.ts'
import { DisconnectedError, type KafkaError, UnauthorizedError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { SaslCredentials } from '../sasl/mechanism.ts'
import type { TlsOptions } from '../tls-options.ts'
import { type BrokerAddress, formatAddress } from './address.ts'

export interface SocketOptions {
  readonly address: BrokerAddress
  readonly clientId: string
  readonly runtime: Runtime
  /** Milliseconds for connecting, agreeing on versions and authenticating. */
  readonly connectTimeoutMs: number
  readonly tls: TlsOptions | undefined
  readonly sasl: SaslCredentials | undefined
  /** Ends what is being opened. */
  readonly signal?: AbortSignal | undefined
}

/** Rejects with `DisconnectedError`, `UnauthorizedError` for a certificate that is not trusted, or the signal's reason. */
export function openSocket(options: SocketOptions): Promise<Socket> {
  const { address, runtime, connectTimeoutMs, tls, signal } = options
  const { host, port } = address
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortReason(signal))
    const socket = tls
      ? connectTls({ host, port, ...tlsSettings(host, tls) })
      : connectTcp({ host, port })
    const settle = () => {
      timer.cancel()
      stopListening()
      socket.removeAllListeners()
    }
    const fail = (error: unknown) => {
      settle()
      socket.on('error', () => undefined)
      socket.destroy()
      reject(error)
    }
    const timer = runtime.setTimer(connectTimeoutMs, () =>
      fail(notOpened(options, `no connection within ${connectTimeoutMs} ms`)),
    )
    const stopListening = onAbort(signal, () => fail(abortReason(signal!)))
    socket.once('error', (error) => fail(refused(options, error)))
    socket.once('close', () => fail(notOpened(options, 'it was closed at once')))
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      settle()
      resolve(socket)
    })
  })
}

/** The error for a connection that did not come to be of use. */
export function notOpened(
  { address }: SocketOptions,
  why: string,
  cause?: unknown,
): DisconnectedError {
  return new DisconnectedError(`No connection to a broker at ${formatAddress(address)}: ${why}`, {
    code: 'NETWORK_EXCEPTION',
    retriable: true,
    cause,
  })
}

/** What a failure of the network, or of TLS, means. */
export function refused(options: SocketOptions, error: Error): KafkaError {
  const { code = '' } = error as NodeJS.ErrnoException
  if (isCertificateError(code)) {
    return new UnauthorizedError(
      `The certificate of the broker at ${formatAddress(options.address)} is not trusted: ${error.message} (${code}). Give its authority as tls.ca, or its name as tls.serverName`,
      { code: 'TLS_CERTIFICATE_REFUSED', cause: error },
    )
  }
  return notOpened(options, reasonOf(error, code, options), error)
}

function reasonOf(error: Error, code: string, { tls }: SocketOptions): string {
  if (code === 'ECONNREFUSED') return 'nothing listens there (ECONNREFUSED). Is the broker running?'
  if (code === 'ENOTFOUND') return 'the host name is not known (ENOTFOUND)'
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return `it does not speak TLS (${code}); write kafka:// to do without`
  }
  if (/^ERR_SSL_.*(CERTIFICATE|HANDSHAKE)/.test(code) && tls && tls.cert === undefined) {
    return `TLS failed: ${error.message}. Does it require a client certificate (tls.cert, tls.key)?`
  }
  // Node tries the addresses of a name in turn and gives an error without a message when all fail.
  return error.message || code || 'unknown reason'
}

/** OpenSSL's verdicts on a certificate, and Node's on its name. */
function isCertificateError(code: string): boolean {
  return (
    /CERT|^UNABLE_TO_|^(PATH_LENGTH_EXCEEDED|INVALID_PURPOSE)$/.test(code) &&
    !/^ERR_SSL_/.test(code)
  )
}

function tlsSettings(host: string, tls: TlsOptions) {
  const { ca, cert, key, serverName, rejectUnauthorized } = tls
  const pem = (value: string | Uint8Array) =>
    typeof value === 'string' ? value : Buffer.from(value)
  const isName = !/^[\d.]+$|:/.test(host)
  return {
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(serverName !== undefined ? { servername: serverName } : isName && { servername: host }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  }
}
