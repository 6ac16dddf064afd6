/** SASL OAUTHBEARER as it is spoken: by frames, by kafkajs, and by our own client, which shows itself again in time. */
import kafkajs from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../../src/core/bytes.ts'
import { Client } from '../../src/entry/client.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import { createMetadataRequest, metadata } from '../../src/protocol/messages/generated/metadata.ts'
import {
  createSaslAuthenticateRequest,
  saslAuthenticate,
} from '../../src/protocol/messages/generated/sasl-authenticate.ts'
import {
  createSaslHandshakeRequest,
  saslHandshake,
} from '../../src/protocol/messages/generated/sasl-handshake.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { RawClient } from '../server/raw-client.ts'
import { openTokenIssuer, type TokenIssuer } from './token-issuer.ts'

let issuer: TokenIssuer
beforeAll(async () => {
  issuer = await openTokenIssuer()
})
afterAll(() => issuer.close())

let closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  closing = []
})

async function serve(config: ServerConfig = {}): Promise<Server> {
  const server = await createServer({
    ...{ data: 'memory:', port: 0, access: 'keys', superUsers: 'User:alice' },
    ...{ oauth: [issuer.config], ...config },
  })
  closing.push(() => server.close())
  return server
}

async function frames(server: Server) {
  const raw = await RawClient.open(server.port)
  closing.push(() => void raw.socket.destroy())
  raw.send(saslHandshake, 1, createSaslHandshakeRequest({ mechanism: 'OAUTHBEARER' }))
  await raw.until(1)
  return {
    raw,
    handshake: raw.decode(saslHandshake, 1, 0),
    async authenticate(text: string) {
      const at = raw.frames.length
      const authBytes = encodeUtf8(text)
      raw.send(saslAuthenticate, 2, createSaslAuthenticateRequest({ authBytes }))
      await raw.until(at + 1)
      return raw.decode(saslAuthenticate, 2, at)
    },
  }
}

const message = (token: string) => `n,,\u0001auth=Bearer ${token}\u0001\u0001`

test('by frames: a token is taken, until it runs out', async () => {
  const { handshake, authenticate, raw } = await frames(await serve())
  expect(handshake.errorCode).toBe(0)
  expect(handshake.mechanisms).toContain('OAUTHBEARER')
  const answer = await authenticate(message(await issuer.tokenFor('alice', 100)))
  expect(answer.errorCode).toBe(0)
  expect(answer.authBytes).toHaveLength(0)
  expect(Number(answer.sessionLifetimeMs)).toBeGreaterThan(90_000)
  expect(Number(answer.sessionLifetimeMs)).toBeLessThanOrEqual(100_000)
  raw.send(metadata, 12, createMetadataRequest({ topics: [] }))
  await raw.until(3)
  expect(raw.isClosed).toBe(false)
})

test('by frames: who has shown who it is stands in the audit log, with the request', async () => {
  const server = await serve()
  const { authenticate } = await frames(server)
  const token = await issuer.tokenFor('alice')
  await authenticate(message(token))
  await using kafka = new Client({ url: server.url, sasl: { mechanism: 'OAUTHBEARER', token } })
  const [line] = await kafka.consumer('__kafka_do_audit').take(1).toArray()
  expect(line!.value).toMatchObject({
    ...{ principal: 'User:alice', action: 'Authenticate', resource: 'sasl:OAUTHBEARER' },
    ...{ allowed: true, request: expect.stringMatching(/\/1$/) },
  })
})

test('by frames: what is wrong is said, then the connection ends', async () => {
  const { authenticate, raw } = await frames(await serve())
  const first = await authenticate(message('abc'))
  expect(errorName(first.errorCode)).toBe('NONE')
  expect(decodeUtf8(first.authBytes)).toBe('{"status":"invalid_token"}')
  const second = await authenticate('\u0001')
  expect(errorName(second.errorCode)).toBe('SASL_AUTHENTICATION_FAILED')
  expect(second.errorMessage).toContain('cannot be read')
  await raw.closed()
})

test('by frames: a connection may show a new token of its user, and not become somebody else', async () => {
  const { authenticate, raw } = await frames(await serve())
  await authenticate(message(await issuer.tokenFor('alice', 50)))
  const again = async (user: string) => {
    const at = raw.frames.length
    raw.send(saslHandshake, 1, createSaslHandshakeRequest({ mechanism: 'OAUTHBEARER' }))
    await raw.until(at + 1)
    return authenticate(message(await issuer.tokenFor(user, 200)))
  }
  expect(Number((await again('alice')).sessionLifetimeMs)).toBeGreaterThan(100_000)
  const other = await again('bob')
  expect(errorName(other.errorCode)).toBe('SASL_AUTHENTICATION_FAILED')
  await raw.closed()
})

test('kafkajs writes and reads with a token', async () => {
  const server = await serve()
  const kafka = new kafkajs.Kafka({
    ...{ brokers: [`127.0.0.1:${server.port}`], logLevel: kafkajs.logLevel.NOTHING },
    sasl: {
      mechanism: 'oauthbearer',
      oauthBearerProvider: async () => ({ value: await issuer.tokenFor('alice') }),
    },
  })
  const producer = kafka.producer()
  await producer.connect()
  closing.push(() => producer.disconnect())
  const [stored] = await producer.send({ topic: 'orders', messages: [{ value: 'a' }] })
  expect(stored).toMatchObject({ errorCode: 0, baseOffset: '0' })
})

test('our client asks for a token for each connection, and for another before a session is over', async () => {
  const server = await serve({ connectionsMaxReauth: '1s' })
  let asked = 0
  const token = async () => {
    asked++
    return issuer.tokenFor('alice')
  }
  await using kafka = new Client({
    url: server.url,
    sasl: { mechanism: 'OAUTHBEARER', token, extensions: { logicalCluster: 'lkc-1' } },
    retries: 0,
    timeout: '5s',
  })
  await kafka.produce('orders', 0)
  const before = asked
  expect(before).toBeGreaterThan(0)
  let sent = 1
  // No request fails while sessions end and others begin.
  while (asked < before + 4) await kafka.produce('orders', sent++)
  const records = await kafka.consumer<number>('orders').take(sent).toArray()
  expect(records.map(({ value }) => value)).toEqual([...Array(sent).keys()])
})

test('our client says who refused what: the broker the token, or whoever gives tokens', async () => {
  const server = await serve()
  const failing = async (token: string | (() => Promise<string>)) => {
    const sasl = { mechanism: 'OAUTHBEARER', token } as const
    await using kafka = new Client({ url: server.url, sasl, retries: 1, timeout: 1000 })
    return await kafka.admin.listTopics().then(
      () => undefined,
      (error: unknown) => error,
    )
  }
  expect(await failing('abc')).toMatchObject({
    code: 'SASL_AUTHENTICATION_FAILED',
    message: expect.stringMatching(/refused the token.*cannot be read/),
  })
  expect(await failing('a token')).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
  const down = () => Promise.reject(Object.assign(new Error('no way'), { code: 'ECONNREFUSED' }))
  expect(await failing(down)).toMatchObject({
    code: 'TOKEN_NOT_AVAILABLE',
    message: expect.stringContaining('no way'),
  })
  expect(await failing(() => new Promise(() => undefined))).toMatchObject({ retriable: true })
})
