/** What has come and gone over connections that are kept for hours: counted whenever something has been answered. */
import type { Socket } from 'node:net'
import type { ListenerMetrics } from './server-metrics.ts'

export class SocketBytes {
  readonly #metrics: Pick<ListenerMetrics, 'receivedBytes' | 'sentBytes'>
  readonly #counted = new WeakMap<Socket, { readonly received: number; readonly sent: number }>()

  constructor(metrics: Pick<ListenerMetrics, 'receivedBytes' | 'sentBytes'>) {
    this.#metrics = metrics
  }

  /** Counts what is new since the last call. */
  count(socket: Socket): void {
    const counted = this.#counted.get(socket) ?? { received: 0, sent: 0 }
    const { bytesRead: received, bytesWritten: sent } = socket
    this.#metrics.receivedBytes.value += received - counted.received
    this.#metrics.sentBytes.value += sent - counted.sent
    this.#counted.set(socket, { received, sent })
  }
}
