/**
 * The broker that a file's npm clients are let loose on: one per file, in memory, behind its listener.
 *
 * With `CONFORMANCE_BROKER=apache-kafka` it is Apache Kafka: so it can be told whether a test that fails asks for
 * something that Apache Kafka does not do either.
 */
import { afterAll, beforeAll } from 'vitest'
import type { BrokerConfigInput } from '../../../src/broker/config.ts'
import { createServer } from '../../../src/server/server.ts'

export interface ServedBroker {
  readonly port: number
  /** For our own client. */
  readonly url: string
  /** `127.0.0.1:PORT`, for the others. */
  readonly bootstrap: string
}

const quick: BrokerConfigInput = {
  // A killed member is noticed after its session; Kafka's lower bound of 6 s would make tests slow.
  groupMinSessionTimeout: 100,
  // Clients that close wait for their last fetch.
  fetchMaxWait: 300,
}

/** For records of an old date: retention would look at them before a slow client has read them. */
export const keepsOldRecords: BrokerConfigInput = { retention: -1 }

/** Started before the file's tests, stopped after them. Its fields can be read from then on. */
export function servedBroker(config: BrokerConfigInput = {}): ServedBroker {
  let server: Started | undefined
  const started = () => {
    if (server === undefined) throw new Error('the broker has not started')
    return server
  }
  beforeAll(async () => {
    server = await start({ ...quick, ...config })
  })
  afterAll(() => server?.close())
  return {
    get port() {
      return started().port
    },
    get url() {
      return started().url
    },
    get bootstrap() {
      return `127.0.0.1:${started().port}`
    },
  }
}

interface Started {
  readonly port: number
  readonly url: string
  close(): Promise<void>
}

async function start(config: BrokerConfigInput): Promise<Started> {
  if (process.env.CONFORMANCE_BROKER !== 'apache-kafka') {
    return createServer({ data: 'memory:', port: 0, broker: config })
  }
  const { startApacheKafka } = await import('../../kafka/apache-kafka.ts')
  const kafka = await startApacheKafka({ properties: { 'group.min.session.timeout.ms': 100 } })
  return { port: kafka.port, url: kafka.url, close: () => kafka.stop() }
}

/** What several tests of a file share must not clash. */
export function uniqueNames(): (prefix: string) => string {
  let count = 0
  return (prefix) => `${prefix}-${++count}`
}
