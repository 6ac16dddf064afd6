/**
 * Who may do what: every API × its resources × allowed, denied and another's, on our server and on an Apache Kafka with its
 * StandardAuthorizer and the same rights. The same error codes, and the same parts of answers; what differs is listed, with
 * its reason. And Apache Kafka's own tools for rights, passwords and quotas at our server.
 */

import { pbkdf2Sync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseKey } from '../../src/access/keys/api-key.ts'
import { TcpConnection } from '../../src/connection/tcp/tcp.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import {
  alterUserScramCredentials,
  createAlterUserScramCredentialsRequest,
} from '../../src/protocol/messages/generated/alter-user-scram-credentials.ts'
import {
  createAcls,
  createCreateAclsRequest,
} from '../../src/protocol/messages/generated/create-acls.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import { createMetadataRequest, metadata } from '../../src/protocol/messages/generated/metadata.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import {
  asText,
  gist,
  matrixAcls,
  matrixAnswers,
  matrixCallers,
  matrixCases,
  matrixDifferences,
  matrixTopics,
  named,
} from '../access/matrix-cases.ts'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'
import { tool } from './java-tools.ts'

/** Of a coordinator that is not ready yet. */
const notYet = /"errorCode":(14|15|16)\b/

const answersFile = new URL('../access/matrix-answers.json', import.meta.url)
const password = 'secret-1'

interface Side {
  readonly host: { readonly port: number }
  readonly admin: TcpConnection
  readonly ids: ReadonlyMap<string, string>
  ask(caller: string, index: number): Promise<unknown>
}

function connect(
  port: number,
  username: string,
  mechanism: 'PLAIN' | 'SCRAM-SHA-256',
  secret: string,
) {
  return new TcpConnection({
    ...{ url: `kafka://127.0.0.1:${port}`, bootstrap: [{ host: '127.0.0.1', port }] },
    ...{ clientId: 'matrix', runtime: createRuntime(), timeoutMs: 20_000 },
    sasl: { mechanism, username, password: secret },
  })
}

async function prepare(
  port: number,
  admin: TcpConnection,
): Promise<Side & { close(): Promise<void> }> {
  const topics = matrixTopics.map((name) =>
    createCreateTopicsRequestCreatableTopic({ name, numPartitions: 1, replicationFactor: 1 }),
  )
  await admin.exchange(createTopics, createCreateTopicsRequest({ topics, timeoutMs: 10_000 }))
  const { results } = await admin.exchange(
    createAcls,
    createCreateAclsRequest({ creations: matrixAcls }),
  )
  expect(results.map(({ errorCode }) => errorCode)).toEqual(matrixAcls.map(() => 0))
  let ids = new Map<string, string>()
  await vi.waitFor(
    async () => {
      const seen = await admin.exchange(metadata, createMetadataRequest({ topics: null }))
      ids = new Map(
        seen.topics
          .filter(({ name }) => matrixTopics.includes(name!))
          .map(({ name, topicId }) => [name!, topicId]),
      )
      expect(ids.size).toBe(matrixTopics.length)
    },
    { timeout: 20_000 },
  )
  const ordered = new Map(matrixTopics.map((name) => [name, ids.get(name)!]))
  const connections = new Map(
    matrixCallers.map((caller) => [
      caller as string,
      connect(port, caller, 'SCRAM-SHA-256', password),
    ]),
  )
  // Rights count a little after they were made.
  await vi.waitFor(
    async () => {
      const seen = await connections
        .get('alice')!
        .exchange(metadata, createMetadataRequest({ topics: null }))
      expect(seen.topics.map(({ name }) => name)).toEqual(['mine'])
    },
    { timeout: 20_000 },
  )
  const names = new Map([...ordered].map(([name, id]) => [id, name]))
  return {
    host: { port },
    admin,
    ids: ordered,
    async ask(caller, index) {
      const { api, request, maxVersion } = matrixCases(ordered)[index]!
      for (;;) {
        const answer = await connections
          .get(caller)!
          .exchange(api, request, { maxVersion })
          .catch((error: Error) => ({ name: `failed: ${error.message}` }))
        const told = gist(named(answer, names))
        if (!notYet.test(JSON.stringify(told, asText))) return told
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    async close() {
      for (const connection of [admin, ...connections.values()]) await connection.close()
    },
  }
}

describeJava('the matrix of access', () => {
  let kafka: ApacheKafka
  let server: Server
  let ours: Awaited<ReturnType<typeof prepare>>
  let theirs: Awaited<ReturnType<typeof prepare>>
  let folder: string
  const answers: { [name: string]: unknown } = {}

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-do-access-'))
    const users = Object.fromEntries(['admin', ...matrixCallers].map((user) => [user, password]))
    kafka = await startApacheKafka({
      users,
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:admin;User:ANONYMOUS',
        'auto.create.topics.enable': true,
      },
    })
    server = await createServer({
      data: 'memory:',
      port: 0,
      access: 'keys',
      superUsers: 'User:admin',
    })
    const { id, secret } = parseKey(server.firstKey!.key)!
    const salt = new Uint8Array(Buffer.from('0123456789'))
    const saltedPassword = new Uint8Array(pbkdf2Sync(password, salt, 4096, 32, 'sha256'))
    const admin = connect(server.port, id, 'PLAIN', secret)
    const upsertions = ['admin', ...matrixCallers].map((name) => ({
      name,
      mechanism: 1,
      iterations: 4096,
      salt,
      saltedPassword,
    }))
    await admin.exchange(
      alterUserScramCredentials,
      createAlterUserScramCredentialsRequest({ upsertions }),
    )
    await admin.close()
    // Its rights would be seen.
    await server.keys!.revoke(id)
    ours = await prepare(server.port, connect(server.port, 'admin', 'SCRAM-SHA-256', password))
    theirs = await prepare(
      kafka.sasl!.port,
      connect(kafka.sasl!.port, 'admin', 'SCRAM-SHA-256', password),
    )
  })
  afterAll(async () => {
    await ours?.close()
    await theirs?.close()
    await server?.close()
    await kafka?.stop()
    await rm(folder, { recursive: true, force: true })
    // For the test without an Apache Kafka; the run fails on what has changed.
    if (process.env.UPDATE_ACCESS_MATRIX)
      await writeFile(answersFile, `${JSON.stringify(answers, undefined, 1)}\n`)
  })

  describe.each(matrixCallers)('as %s', (caller) => {
    test.each(
      matrixCases(new Map(matrixTopics.map((name) => [name, name]))).map(
        ({ name }, i) => [name, i] as const,
      ),
    )('%s', async (name, index) => {
      const [mine, apache] = [await ours.ask(caller, index), await theirs.ask(caller, index)]
      answers[`${caller}: ${name}`] = apache
      if (!process.env.UPDATE_ACCESS_MATRIX)
        expect(apache, 'as it is written down').toEqual(matrixAnswers[`${caller}: ${name}`])
      const reason = matrixDifferences[`${caller}: ${name}`]
      if (reason === undefined) expect(mine).toEqual(apache)
      // What is listed and agrees after all is taken off the list.
      else expect(mine, reason).not.toEqual(apache)
    })
  })

  test("Apache Kafka's own tools show and change rights, passwords and quotas", async () => {
    const config = join(folder, 'client.properties')
    const { key } = await server.keys!.create({ name: 'tools', scopes: ['admin'] })
    const { id, secret } = parseKey(key)!
    const jaas = (user: string, pass: string, module: string) =>
      `org.apache.kafka.common.security.${module} required username="${user}" password="${pass}";`
    await writeFile(
      config,
      `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=${jaas(id, secret, 'plain.PlainLoginModule')}\n`,
    )
    const at = ['--bootstrap-server', `127.0.0.1:${server.port}`, '--command-config', config]
    await tool('acls', [
      ...at,
      '--add',
      '--allow-principal',
      'User:tina',
      '--producer',
      '--topic',
      'tina-',
      '--resource-pattern-type',
      'prefixed',
    ])
    const listed = await tool('acls', [...at, '--list', '--principal', 'User:tina'])
    expect(listed).toMatch(/PREFIXED/)
    expect(listed).toMatch(/operation=WRITE/)
    const ofTina = ['--entity-type', 'users', '--entity-name', 'tina']
    for (const added of ['SCRAM-SHA-512=[password=pw-1]', 'producer_byte_rate=1024'])
      await tool('configs', [...at, '--alter', ...ofTina, '--add-config', added])
    const shown = await tool('configs', [
      ...at,
      '--describe',
      '--entity-type',
      'users',
      '--entity-name',
      'tina',
    ])
    expect(shown).toMatch(/producer_byte_rate=1024/)
    expect(shown).toMatch(/SCRAM-SHA-512=iterations=4096/)
    const tina = join(folder, 'tina.properties')
    await writeFile(
      tina,
      `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config=${jaas('tina', 'pw-1', 'scram.ScramLoginModule')}\n`,
    )
    const topics = await tool('topics', [
      '--bootstrap-server',
      `127.0.0.1:${server.port}`,
      '--command-config',
      tina,
      '--list',
    ])
    expect(topics.trim()).toBe('')
    await tool('acls', [
      ...at,
      '--remove',
      '--force',
      '--allow-principal',
      'User:tina',
      '--producer',
      '--topic',
      'tina-',
      '--resource-pattern-type',
      'prefixed',
    ])
    expect(await tool('acls', [...at, '--list', '--principal', 'User:tina'])).not.toMatch(/WRITE/)
  })
})
