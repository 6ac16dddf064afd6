/** Posts with certificates of the caller's choice, which `fetch` cannot be given: by Node's own `https`. */
import { Agent, request } from 'node:https'
import type { TlsOptions } from '../tls-options.ts'
import type { Post } from './post.ts'

const idleMs = 30_000

export function postWithTls({ ca, cert, key, serverName, rejectUnauthorized }: TlsOptions): Post {
  const agent = new Agent({
    keepAlive: true,
    timeout: idleMs,
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(serverName !== undefined && { servername: serverName }),
    rejectUnauthorized: rejectUnauthorized ?? true,
  })
  return (url, { headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const asked = request(
        url,
        { agent, method: 'POST', headers: { ...headers, 'content-length': body.length }, signal },
        (answer) =>
          resolve({
            status: answer.statusCode ?? 0,
            header(name) {
              const value = answer.headers[name]
              return (Array.isArray(value) ? value.join(', ') : value) ?? null
            },
            body: answer,
          }),
      )
      // As `fetch` has it: what went wrong is the cause.
      asked.on('error', (cause) => reject(new Error('the request failed', { cause })))
      asked.end(body)
    })
}

function pem(value: string | Uint8Array): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value)
}
