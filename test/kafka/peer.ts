/** A broker to compare, by its Kafka listener: ours or Apache Kafka's. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BrokerSocket } from '../../src/connection/tcp/broker-socket.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import type { Api } from '../../src/protocol/api.ts'
import { createServer } from '../../src/server/server.ts'
import type { ApacheKafka } from './apache-kafka.ts'

export interface Peer {
  ask<Q, R>(api: Api<Q, R>, request: Q, version: number): Promise<R>
  /** Dies and is back, with another leader epoch. */
  restart(): Promise<void>
  close(): Promise<void>
}

export async function openTheirs(kafka: ApacheKafka): Promise<Peer> {
  let socket = await connect(kafka.port)
  return {
    ask: (api, request, version) => exchange(socket, api, request, version),
    async restart() {
      socket.close()
      await kafka.kill()
      await kafka.start()
      socket = await connect(kafka.port)
    },
    async close() {
      socket.close()
    },
  }
}

export async function openOurs(): Promise<Peer> {
  const data = await mkdtemp(join(tmpdir(), 'kafka-do-peer-'))
  const broker = { autoCreateTopics: false, retention: -1 }
  const start = () => createServer({ data, port: 0, broker })
  let server = await start()
  let socket = await connect(server.port)
  return {
    ask: (api, request, version) => exchange(socket, api, request, version),
    async restart() {
      socket.close()
      await server.close()
      await rm(join(data, '.kafka_cleanshutdown'))
      server = await start()
      socket = await connect(server.port)
    },
    async close() {
      socket.close()
      await server.close()
      await rm(data, { recursive: true, force: true })
    },
  }
}

function connect(port: number): Promise<BrokerSocket> {
  return BrokerSocket.open({
    address: { host: '127.0.0.1', port },
    clientId: 'test',
    runtime: createRuntime(),
    connectTimeoutMs: 30_000,
    tls: undefined,
    sasl: undefined,
  })
}

async function exchange<Q, R>(
  socket: BrokerSocket,
  api: Api<Q, R>,
  request: Q,
  version: number,
): Promise<R> {
  return await socket.exchange(api, version, request, { timeoutMs: 60_000 })
}

/** Asks again until the answer is the one that is waited for: Apache Kafka makes and removes topics behind its answer. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20)
}
