/**
 * The cluster that the client's suite runs on: the same tests over three connections. The vitest project says which:
 * `embedded` (a broker in this process), `served` (ours, over TCP) or `apache` (a real Apache Kafka, over TCP).
 */
import { afterEach, beforeEach, inject, test } from 'vitest'
import { type BrokerConfigInput, Client, type ClientConfig } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'

export type ConnectionName = 'embedded' | 'served' | 'apache'

declare module 'vitest' {
  interface ProvidedContext {
    connection: ConnectionName
    /** Of the Apache Kafka that all its tests share. */
    apacheUrl: string
  }
}

export const connectionName: ConnectionName = inject('connection') ?? 'embedded'
export const isServed = connectionName !== 'embedded'

/** For tests that set up the broker in a way that only ours can be. */
export const testOfOurBroker: typeof test =
  connectionName === 'apache'
    ? (((name: string, ...rest: [() => void]) =>
        test.skip(
          `${name} (not with Apache Kafka: it sets up our broker)`,
          ...rest,
        )) as typeof test)
    : test

export interface TestCluster {
  /** A client of the cluster; closed after the test. In `embedded` each has a cluster of its own. */
  open(config?: Omit<ClientConfig, 'url' | 'broker'>): Client
  /** A client of a broker of its own with these settings. Not for `apache`. */
  openBroker(broker: BrokerConfigInput): Promise<Client>
}

/** Each test begins with an empty cluster. */
export function useCluster(): TestCluster {
  let server: Server | undefined
  let opened: { close(): Promise<void> }[] = []

  beforeEach(async () => {
    if (connectionName === 'served') server = await createServer({ data: 'memory:', port: 0 })
  })
  afterEach(async () => {
    await Promise.allSettled(opened.reverse().map((part) => part.close()))
    opened = []
    await server?.close()
    if (connectionName === 'apache') await clear(inject('apacheUrl'))
  })

  const track = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(part)
    return part
  }
  const url = () => {
    if (connectionName === 'apache') return inject('apacheUrl')
    return server?.url ?? 'memory:'
  }
  return {
    open: (config = {}) => track(new Client({ ...config, url: url() })),
    async openBroker(broker) {
      if (!isServed) return track(new Client({ url: 'memory:', broker }))
      const own = track(await createServer({ data: 'memory:', port: 0, broker }))
      return track(new Client({ url: own.url }))
    },
  }
}

/** Resolves when `isTrue` holds, asked after each turn of the event loop. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}

async function clear(apacheUrl: string): Promise<void> {
  await using kafka = new Client(apacheUrl)
  const topics = await kafka.admin.listTopics()
  await Promise.all(topics.map(({ name }) => kafka.admin.deleteTopic(name)))
}
