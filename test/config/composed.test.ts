/** Those who compose (the client with its broker, the server, the test double) hold to the same tables. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client, ConfigError } from '../../src/index.ts'
import { createServer } from '../../src/server/index.ts'
import { MockClient } from '../../src/testing/index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-do-config-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const sasl = { mechanism: 'PLAIN', username: 'alice', password: 'secret' } as const

test.each([
  [
    { url: 'memory:', apiKey: 'k' },
    'ClientConfig.apiKey is for kafka:, kafka+tls:, http: and https: URLs; this one is memory:',
  ],
  [
    { url: 'file:./x', tls: {} },
    'ClientConfig.tls is for kafka+tls: and https: URLs; this one is file:',
  ],
  [
    { url: 'memory:', sasl },
    'ClientConfig.sasl is for kafka: and kafka+tls: URLs; this one is memory:',
  ],
  [
    { url: 'kafka://x', tls: {} },
    'ClientConfig.tls is for kafka+tls: and https: URLs; this one is kafka:',
  ],
  [
    { url: 'kafka://x', broker: {} },
    'ClientConfig.broker is for file: and memory: URLs; this one is kafka:',
  ],
])('a client given %j', (config, says) => {
  expect(() => new Client(config)).toThrow(ConfigError)
  expect(() => new Client(config)).toThrow(says)
})

test('an option of the client, the broker among them, is told of when one is not there', () => {
  expect(() => new Client({ brokr: {} } as never)).toThrow(/Did you mean 'broker'\?.*, broker$/)
})

test.each(['url', 'apiKey', 'sasl', 'tls'])('a MockClient has no %s', (key) => {
  const config = { [key]: key === 'sasl' ? sasl : 'x' } as never
  expect(() => new MockClient(config)).toThrow(
    `MockClientConfig has no option '${key}': it has its own broker, in memory`,
  )
})

test('a MockClient has no runtime of the caller, and checks its broker at once', () => {
  expect(() => new MockClient({ runtime: {} } as never)).toThrow(
    "MockClientConfig has no option 'runtime': it has its own clock",
  )
  expect(() => new MockClient({ broker: { retention: 'soon' } })).toThrow(
    'MockClientConfig.broker.retention must be milliseconds',
  )
})

test("a server's broker is checked before the data folder is made", async () => {
  const data = join(folder, 'never-made')
  const broker = { groupMinSessionTimeout: '1h', groupMaxSessionTimeout: '1m' }
  await expect(createServer({ data, port: 0, broker })).rejects.toThrow(
    'ServerConfig.broker.groupMinSessionTimeout (3600000 ms) must not pass ServerConfig.broker.groupMaxSessionTimeout (60000 ms)',
  )
  await expect(createServer({ data, port: 0, broker: { retenton: 1 } as never })).rejects.toThrow(
    "ServerConfig.broker has no option 'retenton'. Did you mean 'retention'?",
  )
  expect(existsSync(data)).toBe(false)
})
