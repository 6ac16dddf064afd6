/** The package as its user gets it: packed, installed into an empty folder, run. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isLong } from '../amount.ts'
import { copyPackage, installPackage, installTimeoutMs, runIn } from './packed-package.ts'

let folder = ''

const fiveLines = `import { Client } from 'kafka-do'

const kafka = new Client()
await kafka.produce('orders', { orderId: '123', amount: 99.99 })
await kafka.consume('orders', { group: 'my-processor' }, async (record) => {
  console.log(record.value)
  await record.commit()
  process.exit()
})
`
function run(command: string, ...args: string[]): string {
  return runIn(folder, command, ...args)
}

beforeAll(async () => {
  folder = await installPackage()
}, installTimeoutMs)
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true })
})

test('the five lines of the README run as they are, in JavaScript', () => {
  writeFileSync(join(folder, 'five-lines.mjs'), fiveLines)
  expect(run('node', 'five-lines.mjs')).toContain("{ orderId: '123', amount: 99.99 }")
  expect(readdirSync(folder)).toContain('.kafka-do')
})

test('CommonJS requires it', () => {
  writeFileSync(
    join(folder, 'required.cjs'),
    `const { Client } = require('kafka-do')
const { createServer } = require('kafka-do/server')
const { MockClient } = require('kafka-do/testing')
const kafka = new Client('memory:')
kafka.produce('orders', 'x'.repeat(5000)).then(async ({ offset }) => {
  console.log(offset, typeof createServer, typeof MockClient)
  await kafka.close()
})
`,
  )
  // Node 20 and 22 say that this is experimental, on stderr.
  expect(run('node', 'required.cjs')).toBe('0n function function\n')
})

test('it brings what runs, its types, its source maps and its licence, and no tests', () => {
  const installed = join(folder, 'node_modules/kafka-do')
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(installed, join(parentPath, name)))
  const isOfConsole = (file: string) => file.startsWith('dist/console/')
  const ofConsole = files.filter(isOfConsole)
  expect(ofConsole.filter((file) => !/\.(js|css|svg|txt|html)(\.br|\.gz)?$/.test(file))).toEqual([])
  expect(ofConsole).toContain('dist/console/licenses.txt')
  const other = files
    .filter((file) => !isOfConsole(file))
    .filter((file) => !/^dist\/.*(?<!\.test|\.contract)\.(js|js\.map|d\.ts)$/.test(file))
  expect(other.sort()).toEqual([
    ...['CHANGELOG.md', 'LICENSE', 'README.md', 'dashboards/kafka-do.json', 'package.json'],
  ])
  // The declarations are those of the sources; only what entries share is without.
  const code = files.filter((file) => file.endsWith('.js')).map((file) => file.slice(0, -3))
  const untyped = code.filter((file) => !files.includes(`${file}.d.ts`))
  const isShared = (file: string) => file.startsWith('dist/chunks/')
  expect(untyped.filter((file) => !isShared(file) && !isOfConsole(file))).toEqual([])
  // Whoever steps into it, or asks Node for `--enable-source-maps`, sees the sources.
  const maps = files.filter((file) => file.endsWith('.js.map'))
  for (const map of maps) {
    const content = readFileSync(join(installed, map), 'utf8')
    const { sources, sourcesContent } = JSON.parse(content) as SourceMap
    expect(sources.filter((source) => !/^(\.\.\/)+src\/.+\.ts$/.test(source))).toEqual([])
    expect(sourcesContent.every((source) => source !== '')).toBe(true)
  }
  const mapped = files.filter((file) =>
    readFileSync(join(installed, file), 'utf8').includes(`sourceMapping${'URL='}`),
  )
  expect(mapped.map((file) => `${file}.map`).sort()).toEqual(maps.sort())
  expect(maps).toContain('dist/chunks/client.js.map')
})

interface SourceMap {
  readonly sources: readonly string[]
  readonly sourcesContent: readonly string[]
}

test('a class is the same one, whichever entry it comes from', () => {
  writeFileSync(
    join(folder, 'same.mjs'),
    `import { ConfigError, KafkaError, Message, string } from 'kafka-do'
import * as client from 'kafka-do/client'
import { createHttpHandler } from 'kafka-do/http'
import { createServer } from 'kafka-do/server'
import { MockClient } from 'kafka-do/testing'
console.log(client.KafkaError === KafkaError, client.Message === Message, client.string === string)
for (const wrong of [createServer, createHttpHandler, (options) => new MockClient(options), (options) => new client.Client(options)]) {
  const error = await (async () => wrong({ no: 1 }))().catch((error) => error)
  console.log(error instanceof ConfigError, error instanceof client.ConfigError, error.name)
}
const mock = new MockClient()
await mock.admin.createTopic('orders')
const error = await mock.admin.createTopic('orders').catch((error) => error)
console.log(error instanceof KafkaError, error instanceof client.KafkaError, error.code)
await mock.close()
`,
  )
  expect(run('node', 'same.mjs').trim().split('\n')).toEqual([
    'true true true',
    ...Array(4).fill('true true ConfigError'),
    'true true TOPIC_ALREADY_EXISTS',
  ])
})

test('importing it loads no broker, no sockets and no optional package', () => {
  writeFileSync(
    join(folder, 'loaded.mjs'),
    `import { Client } from 'kafka-do'
new Client('kafka://127.0.0.1:1')
const { readFileSync } = await import('node:fs')
const loaded = process.moduleLoadList.filter((name) => /NativeModule (net|tls|zlib|crypto)$/.test(name))
console.log(JSON.stringify(loaded))
`,
  )
  expect(run('node', 'loaded.mjs')).toBe('[]\n')
})

test('a second process on the same folder is told what to do', () => {
  const holder = `import { Client } from 'kafka-do'
import { spawnSync } from 'node:child_process'
const kafka = new Client('file:./shared')
await kafka.produce('orders', 1)
const other = "import { Client } from 'kafka-do'; await new Client('file:./shared').produce('orders', 2).catch((error) => console.log(error.name, error.message))"
console.log(spawnSync(process.execPath, ['--input-type=module', '-e', other], { encoding: 'utf8' }).stdout)
`
  writeFileSync(join(folder, 'holder.mjs'), holder)
  expect(run('node', 'holder.mjs')).toMatch(
    /DataFolderLockedError The data folder .* in use by process \d+/,
  )
})

test('a process that closes nothing ends by itself, and loses nothing', () => {
  writeFileSync(
    join(folder, 'ends.mjs'),
    `import { Client } from 'kafka-do'
const kafka = new Client('file:./ends')
console.log((await kafka.produce('orders', 1)).offset)
`,
  )
  expect(run('node', 'ends.mjs')).toBe('0n\n')
  expect(run('node', 'ends.mjs')).toBe('1n\n')
})

test('a process whose send has failed ends by itself', () => {
  writeFileSync(
    join(folder, 'fails.mjs'),
    `import { Client } from 'kafka-do'
const kafka = new Client({ url: 'memory:', broker: { autoCreateTopics: false } })
await kafka.produce('nowhere', 1).catch((error) => console.log(error.name))
const fails = { serialize: () => { throw new Error('no') }, deserialize: () => 1, name: 'fails' }
await kafka.admin.createTopic('orders')
await kafka.produce({ name: 'orders', key: fails, value: fails }, 1).catch((error) => console.log(error.name))
`,
  )
  expect(run('node', 'fails.mjs')).toBe('TopicNotFoundError\nSerializationError\n')
})

test(
  'without its optional packages it does all but what names the package to install',
  async () => {
    // What npm makes of it is seen at length.
    const bare = isLong
      ? await installPackage({ npmOptions: ['--omit=optional'] })
      : copyPackage({ hasOptional: false })
    try {
      const program = `import { Client } from 'kafka-do'
const kafka = new Client('memory:')
for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  const topic = 'orders-' + compression
  try {
    await kafka.producer(topic, { compression }).send('x'.repeat(5000))
    const [record] = await kafka.consumer(topic).take(1).toArray()
    console.log(compression, record.value.length)
  } catch (error) {
    console.log(compression, error.code, error.message)
  }
}
await kafka.close()
`
      writeFileSync(join(bare, 'bare.mjs'), program)
      expect(
        readdirSync(join(bare, 'node_modules'))
          .filter((name) => !name.startsWith('.'))
          .sort(),
      ).toEqual(['commander', 'kafka-do'])
      const lines = runIn(bare, 'node', 'bare.mjs').trim().split('\n')
      expect(lines.slice(0, 4)).toEqual(['none 5000', 'gzip 5000', 'snappy 5000', 'lz4 5000'])
      // Node has its own from 22.15.
      expect(lines[4]).toMatch(
        /^zstd (5000$|UNSUPPORTED_COMPRESSION_TYPE .*npm install @bokuweb\/zstd-wasm)/,
      )
    } finally {
      rmSync(bare, { recursive: true, force: true })
    }
  },
  installTimeoutMs,
)
