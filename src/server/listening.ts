/** What every listener does to be there: it listens, says why it cannot, and has a URL. */
import type { Server } from 'node:net'
import type { Endpoint } from '../backend/endpoint.ts'
import { KafkaError } from '../core/errors.ts'

export interface Place {
  /** Of the listener. */
  readonly name: string
  readonly host: string
  /** 0: a free one. */
  readonly port: number
}

/**
 * Resolves with the port once connections are accepted; `onError`: one could not be. Rejects with `KafkaError` LISTEN_FAILED
 * when the port cannot be had.
 */
export function listenAt(
  server: Server,
  { name, host, port }: Place,
  onError: (error: Error) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const onRefused = (error: Error) => reject(cannotListen(name, host, port, error))
    server.once('error', onRefused)
    server.listen({ host, port }, () => {
      server.off('error', onRefused)
      server.on('error', onError)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}

export function urlAt(scheme: string, { host, port }: Endpoint): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function cannotListen(name: string, host: string, port: number, cause: Error): KafkaError {
  const code = (cause as NodeJS.ErrnoException).code
  const reasons: { readonly [code: string]: string } = {
    EADDRINUSE: 'another process listens there; choose another port, or 0 for a free one',
    EACCES: 'ports below 1024 need special rights; choose a higher one',
    EADDRNOTAVAIL: 'this machine has no such address; 0.0.0.0 means all of its addresses',
    ENOTFOUND: 'the host name is not known',
  }
  return new KafkaError(
    `Cannot listen at ${host}:${port} (listener '${name}'): ${reasons[code ?? ''] ?? cause.message}`,
    {
      code: 'LISTEN_FAILED',
      cause,
    },
  )
}
