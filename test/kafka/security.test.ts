/** Our client at an Apache Kafka that wants to know who is there: SASL, TLS, and both. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { passwordMechanisms } from '../../src/connection/sasl/mechanism.ts'
import { Client, type ClientConfig, KafkaError } from '../../src/index.ts'
import { type ApacheKafka, type Endpoint, startApacheKafka } from './apache-kafka.ts'
import { createCertificate } from './certificate.ts'
import { describeJava } from './describe-java.ts'

const password = 'alice-secret'
/** Sessions end soon, so that a client that stays has to begin some (KIP-368). */
const sessionMs = 3000

describeJava('our client at a secured Apache Kafka', () => {
  let kafka: ApacheKafka
  let clients: Client[] = []
  beforeAll(async () => {
    kafka = await startApacheKafka({
      users: { alice: password },
      tls: true,
      properties: { 'connections.max.reauth.ms': sessionMs },
    })
  })
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()))
    clients = []
  })
  afterAll(() => kafka?.stop())

  const trust = () => ({ ca: kafka.certificate!.cert })

  function open(endpoint: Endpoint | undefined, config: ClientConfig): Client {
    const client = new Client({ url: endpoint!.url, timeout: 15_000, ...config })
    clients.push(client)
    return client
  }

  /** Writes, reads with a group, and asks as an admin: each has connections of its own. */
  async function roundTrip(client: Client, topic: string): Promise<void> {
    await client.admin.createTopic(topic, { partitions: 2 })
    const sent = [1, 2, 3, 4].map((n) => ({ n }))
    await client.producer(topic).sendBatch(sent)
    const records = await client.consumer<{ n: number }>(topic, { group: topic }).take(4).toArray()
    expect(records.map(({ value }) => value.n).sort()).toEqual([1, 2, 3, 4])
    expect((await client.admin.describeTopic(topic)).partitions).toBe(2)
  }

  /** The error of a first call, which must come soon and not be retried in vain. */
  async function refusal(
    endpoint: Endpoint | undefined,
    config: ClientConfig,
  ): Promise<KafkaError> {
    const error = await open(endpoint, config)
      .admin.listTopics()
      .then(() => undefined)
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(KafkaError)
    expect((error as KafkaError).message).not.toContain(password)
    return error as KafkaError
  }

  test.each(passwordMechanisms)('SASL %s', async (mechanism) => {
    const sasl = { mechanism, username: 'alice', password }
    await roundTrip(open(kafka.sasl, { sasl }), `sasl-${mechanism}`)
  })

  test.each(passwordMechanisms)('SASL %s over TLS', async (mechanism) => {
    const sasl = { mechanism, username: 'alice', password }
    await roundTrip(open(kafka.saslTls, { sasl, tls: trust() }), `sasl-tls-${mechanism}`)
  })

  test('TLS alone', async () => {
    await roundTrip(open(kafka.tls, { tls: trust() }), 'tls')
  })

  test('user, password and mechanism in the URL', async () => {
    const { url } = kafka.sasl!
    const withUser = `${url.replace('//', `//alice:${password}@`)}?mechanism=SCRAM-SHA-256`
    await roundTrip(open(kafka.sasl, { url: withUser }), 'from-url')
  })

  test.each(passwordMechanisms)('a wrong password with %s is refused', async (mechanism) => {
    const sasl = { mechanism, username: 'alice', password: 'wrong' }
    const error = await refusal(kafka.sasl, { sasl })
    expect(error).toMatchObject({
      name: 'UnauthorizedError',
      code: 'SASL_AUTHENTICATION_FAILED',
      retriable: false,
      outcome: 'failed',
    })
    expect(error.message).toContain("user 'alice'")
  })

  test('an unknown user is refused', async () => {
    const sasl = { mechanism: 'SCRAM-SHA-512', username: 'mallory', password: 'any' } as const
    expect(await refusal(kafka.sasl, { sasl })).toMatchObject({
      code: 'SASL_AUTHENTICATION_FAILED',
    })
  })

  test('no user where one is wanted: the message asks for one', async () => {
    const error = await refusal(kafka.sasl, {})
    expect(error).toMatchObject({ code: 'NETWORK_EXCEPTION' })
    expect(error.message).toContain('a user and password (sasl)')
  })

  test('a user at the listener without SASL: the message names the mechanism', async () => {
    const sasl = { mechanism: 'PLAIN', username: 'alice', password } as const
    const error = await refusal({ ...kafka.sasl!, url: kafka.url }, { sasl })
    expect(error).toMatchObject({ name: 'UnauthorizedError', code: 'ILLEGAL_SASL_STATE' })
    expect(error.message).toContain('PLAIN')
  })

  test('a certificate of an authority that is not trusted is refused, before a password is sent', async () => {
    const sasl = { mechanism: 'PLAIN', username: 'alice', password } as const
    const error = await refusal(kafka.saslTls, { sasl })
    expect(error).toMatchObject({ name: 'UnauthorizedError', code: 'TLS_CERTIFICATE_REFUSED' })
    expect(error.message).toContain('tls.ca')
  })

  test('another authority than the broker’s is not enough', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-do-other-authority-'))
    const { cert } = await createCertificate(folder)
    await rm(folder, { recursive: true })
    const error = await refusal(kafka.tls, { tls: { ca: cert } })
    expect(error).toMatchObject({ code: 'TLS_CERTIFICATE_REFUSED' })
  })

  test('a certificate of another name is refused; its name can be given', async () => {
    const wrong = { ...trust(), serverName: 'elsewhere.example' }
    const error = await refusal(kafka.tls, { tls: wrong })
    expect(error).toMatchObject({ code: 'TLS_CERTIFICATE_REFUSED' })
    expect(error.message).toContain('tls.serverName')
    const topics = open(kafka.tls, { tls: { ...trust(), serverName: 'localhost' } })
    expect(await topics.admin.listTopics()).toBeInstanceOf(Array)
  })

  test('TLS at the plain port, and plain at the TLS port: the message says which way to turn', async () => {
    const tlsAtPlain = await refusal(
      { ...kafka.tls!, url: `kafka+tls://${kafka.bootstrap}` },
      { tls: trust() },
    )
    expect(tlsAtPlain.message).toMatch(/TLS/)
    const plainAtTls = await refusal({ ...kafka.tls!, url: `kafka://${kafka.tls!.bootstrap}` }, {})
    expect(plainAtTls.message).toContain('kafka+tls://')
  })

  test.each(['PLAIN', 'SCRAM-SHA-512'] as const)(
    'a client outlives its sessions: nothing fails when the broker ends them (KIP-368, %s)',
    async (mechanism) => {
      const sasl = { mechanism, username: 'alice', password }
      const client = open(kafka.sasl, { sasl })
      const topic = `sessions-${mechanism}`
      await client.admin.createTopic(topic)
      const producer = client.producer(topic)
      const received: number[] = []
      const enough = new AbortController()
      const consuming = client
        .consumer<number>(topic, { group: topic, signal: enough.signal })
        .forEach(({ value }) => void received.push(value))
      const end = performance.now() + 3 * sessionMs
      let sent = 0
      while (performance.now() < end) await producer.send(sent++)
      await expect.poll(() => received.length, { timeout: 10_000 }).toBe(sent)
      enough.abort()
      await consuming.catch((error: unknown) => expect(error).toMatchObject({ code: 'ABORTED' }))
      expect(received).toEqual(Array.from({ length: sent }, (_, i) => i))
    },
  )
})
