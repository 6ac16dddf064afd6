/**
 * Posts by Node's own `http` and `https`: a small request costs a third of what it costs by `fetch`, and certificates may be
 * of the caller's choice, which `fetch` cannot be given.
 */
import { type ClientRequest, Agent as HttpAgent, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { onAbort } from '../../core/abort.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { TlsOptions } from '../tls-options.ts'
import type { Post } from './post.ts'

/** A connection that nothing was asked on for so long is closed. */
const idleMs = 30_000
const connectTimeoutMs = 10_000

export function postByNode(hasTls: boolean, tls: TlsOptions | undefined, runtime: Runtime): Post {
  const shared = { keepAlive: true, timeout: idleMs, noDelay: true }
  const agent = hasTls
    ? new HttpsAgent({ ...shared, ...(tls && settingsOf(tls)) })
    : new HttpAgent(shared)
  const request = hasTls ? requestHttps : requestHttp
  const post: Post = (url, { headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const asked = request(
        url,
        { agent, method: 'POST', headers: { ...headers, 'content-length': body.length } },
        (answer) => {
          // Its connection is another's from then on.
          answer.once('end', stopListening)
          resolve({
            status: answer.statusCode ?? 0,
            header(name) {
              const value = answer.headers[name]
              return (Array.isArray(value) ? value.join(', ') : value) ?? null
            },
            body: answer,
          })
        },
      )
      // As `fetch` has it: what went wrong is the cause.
      asked.on('error', (cause) => reject(new Error('the request failed', { cause })))
      // Node would have the connection, too, end with the signal of the request that it was made for.
      const stopListening = onAbort(signal, () => asked.destroy())
      asked.once('close', stopListening)
      limitConnecting(asked, hasTls, runtime)
      asked.end(body)
    })
  return Object.assign(post, { end: () => agent.destroy() })
}

function limitConnecting(asked: ClientRequest, hasTls: boolean, runtime: Runtime): void {
  asked.once('socket', (socket) => {
    if (!socket.connecting) return
    const timer = runtime.setTimer(connectTimeoutMs, () => {
      const error = new Error(`no connection within ${connectTimeoutMs} ms`)
      asked.destroy(Object.assign(error, { code: 'CONNECT_TIMED_OUT' }))
    })
    const settle = () => timer.cancel()
    socket.once(hasTls ? 'secureConnect' : 'connect', settle).once('close', settle)
  })
}

function settingsOf({ ca, cert, key, serverName, rejectUnauthorized }: TlsOptions) {
  return {
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(serverName !== undefined && { servername: serverName }),
    rejectUnauthorized: rejectUnauthorized ?? true,
  }
}

function pem(value: string | Uint8Array): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value)
}
