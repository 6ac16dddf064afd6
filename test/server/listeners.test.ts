/** Several ways into one server: each has its address, its TLS and its name, and all of them the same records. */

import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer, type ServerConfig } from '../../src/server/index.ts'
import type { Server } from '../../src/server/server.ts'
import { testCert, testKey } from './test-certificate.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close()
})

async function open(config: ServerConfig): Promise<Server> {
  const server = await createServer({ data: 'memory:', ...config })
  opened.push(server)
  return server
}

function connect(url: string, ca?: string): Client {
  const client = new Client({ url, timeout: '5s', ...(ca && { tls: { ca } }) })
  opened.push(client)
  return client
}

test('plain on loopback and TLS beside it: what comes in by one is read by the other', async () => {
  const server = await open({
    listeners: [
      { kind: 'kafka', port: 0 },
      { kind: 'kafka', name: 'outside', port: 0, tls: { cert: testCert, key: testKey } },
    ],
  })
  const [plain, secure] = server.listeners
  expect(plain).toMatchObject({
    kind: 'kafka',
    name: 'kafka',
    url: `kafka://127.0.0.1:${plain!.port}`,
  })
  expect(secure).toMatchObject({ name: 'outside', url: `kafka+tls://127.0.0.1:${secure!.port}` })
  expect(server.url).toBe(plain!.url)
  await connect(plain!.url).produce('orders', 'hello')
  const [read] = await connect(secure!.url, testCert).consumer('orders').take(1).toArray()
  expect(read?.value).toBe('hello')
  expect(server.listeners.map(({ connections }) => connections > 0)).toEqual([true, true])
  const { listeners, connections } = server
  expect(connections).toBe(listeners.reduce((sum, one) => sum + one.connections, 0))
  const counted = server.metrics().find(({ name }) => name === 'kafkado_accepted_connections_total')
  expect(counted?.values.map(({ labels }) => labels.listener)).toEqual(['kafka', 'outside'])
})

test('clients are told the address of the listener by which they came', async () => {
  const server = await open({
    listeners: [
      { kind: 'kafka', port: 0 },
      { kind: 'kafka', port: 0, advertised: { host: 'localhost' } },
    ],
  })
  for (const [i, host] of ['127.0.0.1', 'localhost'].entries()) {
    const { port } = server.listeners[i]!
    const kafka = connect(`kafka://127.0.0.1:${port}`)
    expect((await kafka.admin.describeCluster()).nodes).toMatchObject([{ host, port }])
    // Metadata and FindCoordinator, too: leaders and coordinators are reached at what was told.
    await kafka.produce(`t${i}`, 1)
    await kafka
      .consumer(`t${i}`, { group: `g${i}` })
      .take(1)
      .toArray()
  }
  expect(server.listeners.map(({ url }) => url.split(':')[1])).toEqual([
    '//127.0.0.1',
    '//localhost',
  ])
})

test('when one cannot open, none stays open, and the error names it', async () => {
  const taken = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as AddressInfo
  const free = await open({ port: 0 })
  await free.close()
  const first = { kind: 'kafka', port: free.port } as const
  const failing = createServer({
    data: 'memory:',
    listeners: [first, { kind: 'kafka', name: 'second', port }],
  })
  await expect(failing).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringContaining(`127.0.0.1:${port} (listener 'second'): another process`),
  })
  // The first one's port is free again.
  await open({ port: free.port })
  await new Promise((resolve) => taken.close(resolve))
})

test('closing twice is closing once, and frees every port', async () => {
  const listeners = [
    { kind: 'kafka', port: 0 },
    { kind: 'kafka', port: 0 },
  ] as const
  const server = await createServer({ data: 'memory:', listeners })
  const ports = server.listeners.map(({ port }) => port)
  expect(server.close()).toBe(server.close())
  await server.close()
  expect(server.listeners.map(({ port }) => port)).toEqual(ports)
  await open({ listeners: ports.map((port) => ({ kind: 'kafka', port })) })
})

describe('a config that cannot be is refused by name', () => {
  test.each<[string, object, RegExp]>([
    [
      'both forms',
      { port: 0, listeners: [{ kind: 'kafka' }] },
      /ServerConfig.port and ServerConfig.listeners exclude/,
    ],
    ['no listeners', { listeners: [] }, /ServerConfig.listeners must be an array of one or more/],
    [
      'one that is no list',
      { listeners: { kind: 'kafka' } },
      /ServerConfig.listeners must be an array/,
    ],
    ['no kind', { listeners: [{ port: 1 }] }, /ServerConfig.listeners\[0\].kind must be given/],
    [
      'another kind',
      { listeners: [{ kind: 'amqp' }] },
      /listeners\[0\].kind must be one of "kafka"/,
    ],
    [
      'a port that is none',
      { listeners: [{ kind: 'kafka', port: -1 }] },
      /listeners\[0\].port must be/,
    ],
    [
      'an option that is not there',
      { listeners: [{ kind: 'kafka', advertisedHost: 'x' }] },
      /listeners\[0\] has no option 'advertisedHost'/,
    ],
    [
      'half of TLS',
      { listeners: [{ kind: 'kafka', tls: { cert: 'x' } }] },
      /listeners\[0\].tls.cert and .*key go together/,
    ],
    [
      'a name twice',
      {
        listeners: [
          { kind: 'kafka', name: 'a' },
          { kind: 'kafka', name: 'a' },
        ],
      },
      /listeners\[1\].name 'a' is taken/,
    ],
    ['data elsewhere', { data: 'kafka://host:1', port: 0 }, /ServerConfig.data must be a folder/],
    ['data elsewhere', { data: 'https://host', port: 0 }, /ServerConfig.data must be a folder/],
    ['data on another host', { data: 'file://host/x', port: 0 }, /another host/],
  ])('%s', async (_, config, message) => {
    await expect(createServer(config as never)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringMatching(message),
    })
  })
})
