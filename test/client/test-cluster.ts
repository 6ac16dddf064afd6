/**
 * The cluster that the client's suite runs on: the same tests over every connection. The vitest project says which:
 * `embedded` (a broker in this process), `served` (ours, over TCP), `http` (ours, over HTTP), `gateway` (ours, over HTTP through our gateway), `apache` (a real Apache Kafka,
 * over TCP) or `apache-gateway` (the same, over HTTP through our gateway).
 */
import { afterEach, beforeEach, inject, test } from 'vitest'
import { type BrokerConfigInput, Client, type ClientConfig } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'

export type ConnectionName =
  | 'embedded'
  | 'served'
  | 'http'
  | 'gateway'
  | 'apache'
  | 'apache-gateway'

declare module 'vitest' {
  interface ProvidedContext {
    connection: ConnectionName
    /** Of the Apache Kafka that all its tests share. */
    apacheUrl: string
  }
}

export const connectionName: ConnectionName = inject('connection') ?? 'embedded'
export const isServed = connectionName !== 'embedded'
const isGateway = connectionName === 'gateway' || connectionName === 'apache-gateway'
export const isHttp = connectionName === 'http' || isGateway
export const isApache = connectionName === 'apache' || connectionName === 'apache-gateway'

/** For tests that set up the broker in a way that only ours can be. */
export const testOfOurBroker: typeof test = isApache
  ? (((name: string, ...rest: [() => void]) =>
      test.skip(`${name} (not with Apache Kafka: it sets up our broker)`, ...rest)) as typeof test)
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
    if (isServed && !isApache) server = await openServer()
    if (connectionName === 'apache-gateway')
      server = await createServer({ upstream: inject('apacheUrl'), httpPort: 0 })
  })
  afterEach(async () => {
    await Promise.allSettled(opened.reverse().map((part) => part.close()))
    opened = []
    await server?.close()
    server = undefined
    if (isApache) await clear(inject('apacheUrl'))
  })

  const track = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(part)
    return part
  }
  const url = () => {
    if (connectionName === 'apache') return inject('apacheUrl')
    return server ? urlOf(server) : 'memory:'
  }
  return {
    open: (config = {}) => track(new Client({ ...config, url: url() })),
    async openBroker(broker) {
      if (!isServed) return track(new Client({ url: 'memory:', broker }))
      const own = track(await openServer(broker))
      return track(new Client({ url: urlOf(own) }))
    },
  }
}

async function openServer(broker?: BrokerConfigInput): Promise<Server> {
  const hasHttp = connectionName === 'http'
  const server = await createServer({
    data: 'memory:',
    port: 0,
    ...(hasHttp && { httpPort: 0 }),
    broker,
  })
  if (!isGateway) return server
  const gateway = await createServer({ upstream: server.url, httpPort: 0 })
  const closeGateway = gateway.close.bind(gateway)
  const close = () => closeGateway().finally(() => server.close())
  return Object.assign(gateway, { close })
}

function urlOf(server: Server): string {
  return isHttp ? server.httpUrl! : server.url
}

let clearings = 0

async function clear(apacheUrl: string): Promise<void> {
  await using kafka = new Client(apacheUrl)
  // A broker lists a topic a moment after the controller has made it; once it lists this one, it lists all before.
  const last = `last-${process.pid}-${clearings++}`
  await kafka.admin.createTopic(last)
  const listed = async () => (await kafka.admin.listTopics()).map(({ name }) => name)
  let names = await listed()
  while (!names.includes(last)) names = await listed()
  await Promise.all(names.map((name) => kafka.admin.deleteTopic(name)))
  // It lists, and serves, what was deleted for a moment, too: the next test would find records of this one.
  while ((await listed()).some((name) => names.includes(name)));
}
