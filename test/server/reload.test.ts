/** Another config for a server that runs: certificates and limits are taken, the rest is named, what is wrong changes nothing. */
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { renewedCert, renewedKey, testCert, testKey } from './test-certificate.ts'

const first = { cert: testCert, key: testKey }
const renewed = { cert: renewedCert, key: renewedKey }

let server: Server | undefined
afterEach(() => server?.close())

/** The certificate that a port shows. */
function shownAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()!.toString())
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

test('all openListeners show a renewed certificate, and connections that are open go on', async () => {
  const config: ServerConfig = {
    data: 'memory:',
    listeners: [
      { kind: 'kafka', port: 0, tls: first },
      { kind: 'http', port: 0, tls: first },
      { kind: 'management', port: 0, tls: first },
    ],
  }
  server = await createServer(config)
  await using kafka = new Client({ url: server.url, tls: { ca: testCert } })
  await kafka.produce('orders', 1)
  const { accepted } = { accepted: server.connections }
  const listeners = config.listeners!.map((one) => ({ ...one, tls: renewed }))
  const names = ['kafka', 'http', 'management']
  expect(server.reload({ ...config, listeners })).toEqual({
    changed: names.map((name) => `tls of listener '${name}'`),
    needRestart: [],
  })
  for (const { port } of server.listeners) expect(await shownAt(port)).toBe(renewedCert)
  await kafka.produce('orders', 2)
  expect(server.connections).toBeGreaterThanOrEqual(accepted)
  await using later = new Client({ url: server.url, tls: { ca: renewedCert } })
  await later.produce('orders', 3)
  expect(server.reload({ ...config, listeners })).toEqual({ changed: [], needRestart: [] })
})

test.each([
  [
    'a key that is not its own',
    { cert: renewedCert, key: testKey },
    /listener 'kafka' cannot be used: .*key/i,
  ],
  ['a certificate that is none', { cert: 'none', key: testKey }, /listener 'kafka' cannot be used/],
  ['no key', { cert: renewedCert } as never, /ServerConfig\.tls\.cert and .*go together/],
])('%s is refused, and nothing has changed', async (_, tls, message) => {
  const config: ServerConfig = { data: 'memory:', port: 0, tls: first }
  server = await createServer(config)
  expect(() => server!.reload({ ...config, tls, maxConnections: 1 })).toThrow(message)
  expect(await shownAt(server.port)).toBe(testCert)
  expect(server.reload({ ...config, maxConnections: 2 }).changed).toEqual(['maxConnections'])
})

test('limits that are looked up each time are taken; what is settled at the start needs a restart', async () => {
  const config: ServerConfig = { data: 'memory:', port: 0 }
  server = await createServer(config)
  await using kafka = new Client(server.url)
  await kafka.produce('orders', 1)
  const wanted: ServerConfig = {
    ...config,
    maxConnections: server.connections,
    drainDelay: 10,
    host: 'localhost',
    broker: { retention: '1h', defaultPartitions: 2 },
    http: { ping: '1s' },
  }
  const { changed, needRestart } = server.reload(wanted)
  expect(changed).toEqual(['maxConnections', 'drainDelay'])
  expect(needRestart).toEqual([
    "listener 'kafka'",
    'broker.defaultPartitions',
    'broker.retention',
    'http.ping',
  ])
  await using turnedAway = new Client({ url: server.url, timeout: '1s', retries: 0 })
  await expect(turnedAway.produce('orders', 2)).rejects.toThrow()
  expect(server.reload(wanted)).toEqual({ changed: [], needRestart })
})

test('limits of HTTP are taken', async () => {
  const config: ServerConfig = { data: 'memory:', port: 0, httpPort: 0 }
  server = await createServer(config)
  const post = async () =>
    (
      await fetch(`${server!.httpUrl}/v1/topics/orders/records:batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ records: [{ value: 'x'.repeat(4000) }] }),
      })
    ).status
  expect(await post()).toBe(200)
  const wanted = { ...config, http: { maxBodyBytes: 2048, maxStreamsPerKey: 1 } }
  const needRestart = ['http.maxStreamsPerKey']
  expect(server.reload(wanted)).toEqual({ changed: ['http.maxBodyBytes'], needRestart })
  expect(await post()).toBe(413)
  expect(server.reload(wanted)).toEqual({ changed: [], needRestart })
  expect(server.reload(config)).toEqual({ changed: ['http.maxBodyBytes'], needRestart: [] })
  expect(await post()).toBe(200)

  const { changed } = server.reload({ ...config, http: { maxConnections: 1, bodyTimeout: 50 } })
  expect(changed).toEqual(['http.bodyTimeout', 'http.maxConnections'])
  const stalls = (body: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(server!.httpUrl!).port), '127.0.0.1')
      let answer = ''
      socket.on('data', (chunk) => {
        answer += String(chunk)
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(answer))
      socket.write(
        `POST /v1/topics/orders/records HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n${body}`,
      )
    })
  // The connection of the requests before has the only place.
  expect(await stalls('{')).toBe('')
  server.reload({ ...config, http: { bodyTimeout: 50 } })
  expect(await stalls('{')).toMatch(/^HTTP\/1\.1 408 /)
})

test('TLS that was not there, other listeners, and demands on clients need a restart', async () => {
  const config: ServerConfig = { data: 'memory:', port: 0 }
  server = await createServer(config)
  expect(server.reload({ ...config, tls: first })).toEqual({
    changed: [],
    needRestart: ["tls of listener 'kafka'"],
  })
  expect(server.reload({ ...config, httpPort: 0 }).needRestart).toEqual(['listeners'])
  expect(() => server!.reload({ ...config, prt: 1 } as ServerConfig)).toThrow('Did you mean')
})
