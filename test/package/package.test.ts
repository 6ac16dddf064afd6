/** The package as its user gets it: packed, installed into an empty folder, run. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installPackage, runIn } from './packed-package.ts'

const minutes = 60_000
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

beforeAll(() => {
  folder = installPackage()
}, 5 * minutes)
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

test('it brings what runs, its types and its licence, and no tests, sources or maps', () => {
  const installed = join(folder, 'node_modules/kafka-do')
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(installed, join(parentPath, name)))
  const other = files.filter((file) => !/^dist\/.*(?<!\.test|\.contract)\.(js|d\.ts)$/.test(file))
  expect(other.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'])
  const code = files.filter((file) => file.endsWith('.js')).map((file) => file.slice(0, -3))
  expect(code.filter((file) => !files.includes(`${file}.d.ts`))).toEqual([])
  const mapped = files.filter((file) =>
    readFileSync(join(installed, file), 'utf8').includes('sourceMapping' + 'URL='),
  )
  expect(mapped).toEqual([])
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

test(
  'without its optional packages it does all but what names the package to install',
  () => {
    const bare = installPackage([], ['--omit=optional'])
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
  5 * minutes,
)
