/** Access control at the Kafka port: who gets in, by which mechanism, and how a connection ends. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { parseKey } from '../../src/access/keys/api-key.ts'
import { Client } from '../../src/entry/client.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { testCert, testKey } from '../server/test-certificate.ts'

let servers: Server[] = []
let clients: Client[] = []
let folders: string[] = []
afterEach(async () => {
  for (const client of clients) await client.close()
  for (const server of servers) await server.close()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
  servers = []
  clients = []
  folders = []
})

async function serve(config: ServerConfig = {}): Promise<Server> {
  const server = await createServer({ data: 'memory:', port: 0, access: 'keys', ...config })
  servers.push(server)
  return server
}

function connect(server: Server, key: string, patience = 2000): Client {
  const { id, secret } = parseKey(key)!
  const sasl = { mechanism: 'PLAIN', username: id, password: secret } as const
  return track(new Client({ url: server.url, sasl, timeout: patience, retries: 0 }))
}

function track(client: Client): Client {
  clients.push(client)
  return client
}

test('a key opens the port for what its scopes say', async () => {
  const server = await serve()
  const admin = connect(server, server.firstKey!.key)
  await admin.admin.createTopic('orders')
  await admin.admin.createTopic('other')
  const { key } = await server.keys!.create({
    name: 'app',
    scopes: ['produce:orders', 'consume:orders@app'],
  })
  const app = connect(server, key)
  await app.produce('orders', { n: 1 })
  await expect(app.produce('other', 1)).rejects.toMatchObject({
    code: 'TOPIC_AUTHORIZATION_FAILED',
  })
  const records: unknown[] = []
  const stop = new AbortController()
  await app.consume('orders', { group: 'app', signal: stop.signal }, (record) => {
    records.push(record.value)
    stop.abort()
  })
  expect(records).toEqual([{ n: 1 }])
  expect((await app.admin.listTopics()).map(({ name }) => name)).toEqual(['orders'])
})

test('nobody gets in without a key, or with a wrong one', async () => {
  const server = await serve()
  const stranger = track(new Client({ url: server.url, timeout: 1000, retries: 0 }))
  await expect(stranger.admin.listTopics()).rejects.toThrow()
  const { id } = parseKey(server.firstKey!.key)!
  const sasl = { mechanism: 'PLAIN', username: id, password: '0'.repeat(43) } as const
  const wrong = track(new Client({ url: server.url, sasl, timeout: 2000, retries: 0 }))
  await expect(wrong.admin.listTopics()).rejects.toMatchObject({
    code: 'SASL_AUTHENTICATION_FAILED',
    message: expect.stringContaining('is unknown or was revoked'),
  })
})

test('a connection of a key that is revoked is closed within a second, also while a fetch waits', async () => {
  const server = await serve()
  const admin = connect(server, server.firstKey!.key)
  await admin.admin.createTopic('orders')
  const { key, id } = await server.keys!.create({ name: 'a', scopes: ['consume:orders@a'] })
  const reader = connect(server, key, 1500)
  let isStarted = false
  const reading = reader
    .consume('orders', { group: 'a' }, () => {
      isStarted = true
    })
    .catch((error: unknown) => error)
  await admin.produce('orders', 1)
  await expect.poll(() => isStarted).toBe(true)
  const before = performance.now()
  const open = server.connections
  await server.keys!.revoke(id)
  await expect.poll(() => server.connections, { interval: 20 }).toBeLessThan(open)
  await expect
    .poll(() => server.connections, { interval: 20, timeout: 1000 })
    .toBeLessThanOrEqual(2)
  expect(performance.now() - before).toBeLessThan(1000)
  await reader.close()
  await reading
})

test('a connection that must show again who it is does so, and goes on', async () => {
  const server = await serve({ connectionsMaxReauth: 1000 })
  const admin = connect(server, server.firstKey!.key)
  await admin.admin.createTopic('orders')
  const end = performance.now() + 2500
  let sent = 0
  while (performance.now() < end) {
    await admin.produce('orders', sent)
    sent++
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(sent).toBeGreaterThan(10)
})

describe('safe by default', () => {
  test('without access control a server is for its own machine, unless that is meant', async () => {
    const open = (config: ServerConfig) => serve({ access: 'none', ...config })
    await expect(open({ host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringMatching(/0\.0\.0\.0.*--access keys.*--allow-anonymous/),
    })
    const meant = await open({ host: '0.0.0.0', allowAnonymous: true })
    expect(meant.port).toBeGreaterThan(0)
    const guarded = await serve({ host: '0.0.0.0' })
    expect(guarded.firstKey).toBeDefined()
  })

  test('the first key is in a file that only its owner reads, and is made once', async () => {
    const data = await mkdtemp(join(tmpdir(), 'kafka-do-access-'))
    folders.push(data)
    const first = await serve({ data })
    const { path, key } = first.firstKey!
    expect(path).toBe(join(data, 'admin-key'))
    expect((await readFile(path!, 'utf8')).trim()).toBe(key)
    expect((await stat(path!)).mode & 0o777).toBe(0o600)
    await first.close()
    const second = await serve({ data })
    expect(second.firstKey).toBeUndefined()
    await connect(second, key).admin.listTopics()
  })

  test('with access control and anonymous callers, these may what their principal may', async () => {
    const server = await serve({ allowAnonymous: true })
    const stranger = track(new Client({ url: server.url, timeout: 1000, retries: 0 }))
    expect(await stranger.admin.listTopics()).toEqual([])
    await expect(stranger.admin.createTopic('a')).rejects.toMatchObject({
      code: 'TOPIC_AUTHORIZATION_FAILED',
    })
  })
})

describe('strangers', () => {
  const frame = (apiKey: number, version: number, body: Uint8Array): Buffer => {
    const header = Buffer.alloc(10)
    header.writeInt16BE(apiKey, 0)
    header.writeInt16BE(version, 2)
    header.writeInt32BE(7, 4)
    header.writeInt16BE(-1, 8)
    const size = Buffer.alloc(4)
    size.writeInt32BE(header.length + body.length)
    return Buffer.concat([size, header, body])
  }
  const talk = async (server: Server, ...frames: Buffer[]) => {
    const socket = connectSocket(server.port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', () => undefined)
    for (const one of frames) socket.write(one)
    await new Promise((resolve) => socket.once('close', resolve))
    return Buffer.concat(chunks)
  }

  test('are told the versions and then nothing: the connection ends', async () => {
    const server = await serve()
    const metadataRequest = frame(3, 1, Buffer.from([0xff, 0xff, 0xff, 0xff]))
    const answered = await talk(server, frame(18, 0, Buffer.alloc(0)), metadataRequest)
    // One answer, to ApiVersions.
    expect(answered.readInt32BE(0)).toBe(answered.length - 4)
    expect(await talk(server, metadataRequest)).toHaveLength(0)
  })

  test('are held to short requests, also once they were told the versions', async () => {
    const server = await serve()
    const large = Buffer.alloc(4 + 10)
    large.writeInt32BE(50_000_000)
    frame(0, 9, Buffer.alloc(0)).copy(large, 4, 4, 14)
    const answered = await talk(server, frame(18, 0, Buffer.alloc(0)), large, Buffer.alloc(20_000))
    expect(answered.readInt32BE(0)).toBe(answered.length - 4)
    expect(server.connections).toBe(0)
  })

  test('who send what is no SASL are told so, and the connection ends', async () => {
    const server = await serve()
    const mechanism = Buffer.from('PLAIN')
    const length = Buffer.from([0, mechanism.length])
    const handshake = frame(17, 1, Buffer.concat([length, mechanism]))
    const authBytes = Buffer.from([0, 0, 0, 3, 1, 2, 3])
    const answered = await talk(server, handshake, frame(36, 0, authBytes))
    expect(answered.toString('latin1')).toContain('takes a user name and a password')
    expect((await talk(server, frame(36, 0, authBytes))).toString('latin1')).toContain(
      'SaslHandshake comes first',
    )
  })
})

describe('apiKey of the client', () => {
  test('is all that it takes on this machine', async () => {
    const server = await serve()
    const kafka = track(new Client({ url: server.url, apiKey: server.firstKey!.key }))
    await kafka.produce('orders', { n: 1 })
    expect((await kafka.admin.listTopics()).map(({ name }) => name)).toContain('orders')
  })

  test('and over TLS', async () => {
    const server = await serve({ tls: { cert: testCert, key: testKey } })
    expect(server.url).toMatch(/^kafka\+tls:/)
    const apiKey = server.firstKey!.key
    const tls = { ca: testCert, serverName: 'localhost' }
    const kafka = track(new Client({ url: server.url, apiKey, tls }))
    await kafka.produce('orders', { n: 1 })
  })

  test.each<[string, object, RegExp]>([
    ['kafka://broker.example:9092', {}, /use kafka\+tls:\/\/ instead/],
    ['kafka://127.0.0.1:9092,broker.example:9092', {}, /use kafka\+tls:\/\/ instead/],
    ['kafka+tls://u:p@host:9092', {}, /remove one|exclude each other/],
    ['kafka+tls://host:9092', { apiKey: 'secret' }, /not a kafka-do key/],
    ['kafka+tls://host:9092', { apiKey: 'kd_abc_def' }, /is truncated/],
  ])('is refused: %s with %o', (url, more, message) => {
    const config = { url, apiKey: 'kd_id_secret_123456', ...more }
    expect(() => new Client(config)).toThrow(message)
    expect(() => new Client(config)).not.toThrow(/secret_1/)
  })
})
