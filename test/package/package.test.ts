/** The package as its user gets it: packed, installed into an empty folder, used from JavaScript and TypeScript. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'kafka-do-user-'))
const minutes = 60_000

const fiveLines = `import { Client } from 'kafka-do'

const kafka = new Client()
await kafka.produce('orders', { orderId: '123', amount: 99.99 })
await kafka.consume('orders', { group: 'my-processor' }, async (record) => {
  console.log(record.value)
  await record.commit()
  process.exit()
})
`
const typed = `import { Client, type Record, topic } from 'kafka-do'

interface Order { orderId: string; amount: number }
const orders = topic<Order>('orders')
await using kafka = new Client('memory:')
const stored = await kafka.produce(orders, { orderId: '1', amount: 2 }, { key: 'a' })
const offset: bigint = stored.offset
for await (const record of kafka.consumer(orders).filter(({ value }) => value.amount > 1).take(1)) {
  const typedRecord: Record<Order> = record
  console.log(typedRecord.value.orderId, offset)
}
// @ts-expect-error: an order has no such field
kafka.produce(orders, { total: 3 }).catch(() => undefined)
// @ts-expect-error: no such option
kafka.producer(orders, { compresion: 'gzip' })
`

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

beforeAll(() => {
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  })
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
  run('npm', 'install', '--no-audit', '--no-fund', `./${filename}`)
  for (const name of ['typescript', '@typescript', '@types', 'undici-types']) {
    cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), {
      recursive: true,
    })
  }
}, 5 * minutes)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the five lines of the README run as they are, in JavaScript', () => {
  writeFileSync(join(folder, 'five-lines.mjs'), fiveLines)
  expect(run('node', 'five-lines.mjs')).toContain("{ orderId: '123', amount: 99.99 }")
  expect(readdirSync(folder)).toContain('.kafka-do')
})

test.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])(
  'its types hold for a user with module %s and moduleResolution %s',
  (module, moduleResolution) => {
    writeFileSync(join(folder, 'typed.ts'), typed)
    const config = {
      compilerOptions: {
        module,
        moduleResolution,
        target: 'es2022',
        lib: ['esnext'],
        types: ['node'],
        strict: true,
        noEmit: true,
      },
      files: ['typed.ts'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    expect(run('node', 'node_modules/typescript/bin/tsc', '-p', '.')).toBe('')
  },
)

test('it brings no tests, and nothing but what runs', () => {
  const files = readdirSync(join(folder, 'node_modules/kafka-do'), {
    recursive: true,
    encoding: 'utf8',
  })
  expect(files).toContain('README.md')
  expect(
    files.filter((file) => /\.test\.|\.contract\.|\.ts$/.test(file) && !file.endsWith('.d.ts')),
  ).toEqual([])
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
