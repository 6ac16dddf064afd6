/** Opens fake brokers and ends them, and the connections and clients to them, after each test. */
import { afterEach } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { parseKafkaUrl } from '../../src/connection/tcp/address.ts'
import { TcpConnection, type TcpOptions } from '../../src/connection/tcp/tcp.ts'
import { KafkaError } from '../../src/core/errors.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { Client, type ClientConfig } from '../../src/index.ts'
import {
  createMetadataRequest,
  createMetadataResponseBroker,
  metadata,
} from '../../src/protocol/messages/generated/metadata.ts'
import { FakeBroker, type FakeBrokerOptions, openBroker } from './fake-broker.ts'

let opened: (() => Promise<void>)[] = []

afterEach(async () => {
  // The last first: clients before the brokers that they say goodbye to.
  for (const close of opened.reverse()) await close().catch(() => undefined)
  opened = []
})

export function atEnd(close: () => Promise<void>): void {
  opened.push(close)
}

export async function fakeBroker(options?: FakeBrokerOptions): Promise<FakeBroker> {
  const broker = await FakeBroker.listen(options)
  atEnd(() => broker.stop())
  return broker
}

/**
 * Fake brokers that are nodes 1, 2, … of one cluster: whichever is asked names them all. Their topics and groups are those
 * of one broker in memory; who leads and coordinates is up to the test.
 */
export async function fakeCluster(
  size: number,
): Promise<{ nodes: FakeBroker[]; broker: Broker; leaderId: (nodeId: number) => void }> {
  const broker = await openBroker()
  const nodes = await Promise.all(Array.from({ length: size }, () => fakeBroker({ broker })))
  let leaderId = 1
  for (const node of nodes) {
    node.on(metadata, async ({ forward }) => {
      const response = await forward()
      return {
        ...response,
        brokers: nodes.map(({ port }, i) =>
          createMetadataResponseBroker({ nodeId: i + 1, host: '127.0.0.1', port }),
        ),
        topics: response.topics.map((topic) => ({
          ...topic,
          partitions: topic.partitions.map((partition) => ({ ...partition, leaderId })),
        })),
      }
    })
  }
  return {
    nodes,
    broker,
    leaderId: (nodeId) => {
      leaderId = nodeId
    },
  }
}

/** A connection with short limits; `url` may name several brokers. */
export function connectTo(url: string, options: Partial<TcpOptions> = {}): TcpConnection {
  const { bootstrap, sasl, hasTls } = parseKafkaUrl(url)
  const connection = new TcpConnection({
    url,
    bootstrap,
    sasl,
    tls: hasTls ? {} : undefined,
    clientId: 'test',
    runtime: createRuntime(),
    timeoutMs: 5000,
    ...options,
  })
  atEnd(() => connection.close())
  return connection
}

export function clientOf(
  broker: FakeBroker | string,
  config: Omit<ClientConfig, 'url'> = {},
): Client {
  const url = typeof broker === 'string' ? broker : broker.url
  const client = new Client({ retryBackoff: 10, ...config, url })
  atEnd(() => client.close())
  return client
}

/** A request that any broker answers at once. */
export const anyMetadata = createMetadataRequest({ topics: [], allowAutoTopicCreation: false })

/** What a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<KafkaError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof KafkaError) return error
  throw new Error('a KafkaError was expected', { cause: error })
}

/** A port that nobody listens at. */
export async function deadPort(): Promise<number> {
  const broker = await FakeBroker.listen()
  await broker.stop()
  return broker.port
}
