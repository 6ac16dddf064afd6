/** The code in the documents holds: each block is compiled against the built package, with the names that pages assume. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** Inside the project, so that its dependencies resolve. */
const folder = join(root, 'node_modules/.cache/kafka-do/code-blocks')
/** Those of commands are run by test/cli/guide.test.ts. */
const withoutCode = ['README.md', 'command-line.md']
const guide = readdirSync(join(root, 'docs/guide')).filter((page) => !withoutCode.includes(page))
const pages = [
  'README.md',
  ...guide.map((page) => `docs/guide/${page}`),
  'docs/migrating-from-kafkajs.md',
  'docs/observability.md',
]

/** What blocks of a page may use without saying where it comes from. */
const prelude = `import { BatchError, Client, Channel, KafkaError, Message, MessageTooLargeError, Offset, StreamProcessingError, TopicNotFoundError, Window, bytes, json, keyValueStore, string, topic, withRetry } from 'kafka-do'
import { createHttpHandler } from 'kafka-do/http'
import { createServer } from 'kafka-do/server'
import { MockClient, StreamTestDriver } from 'kafka-do/testing'
interface Customer { id: string; name: string }
interface Payment { customerId: string; amount: number }
declare const kafka: Client
declare const server: import('kafka-do/server').Server
declare const producer: import('kafka-do').Producer<Order>
declare const consumer: import('kafka-do').Consumer<Order>
declare const yesterday: Date
declare function insertAll(orders: Order[]): Promise<void>
declare function sendMail(order: Order): Promise<void>
declare function pay(order: Order): Promise<void>
declare function bill(order: Order): Promise<void>
declare function invoiceFor(order: unknown): object
declare function runCodeUnderTest(kafka: Client): Promise<void>
declare function expect(value: unknown): { toHaveLength(length: number): void }
export {}
`

/** What pages mean by an order. */
function orderOf(page: string): string {
  const more = /streams|README/.test(page) ? '; customerId: string; region: string' : ''
  return `interface Order { orderId: string; amount: number${more} }\n`
}

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function blocksOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!)
}

test.each(pages)('%s has code', (page) => {
  expect(blocksOf(page).length).toBeGreaterThan(0)
})

test('every block compiles', { timeout: 120_000 }, async () => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const page of pages) {
    blocksOf(page).forEach((code, i) => {
      const name = `${page.replaceAll(/\W/g, '-')}-${i + 1}.ts`
      const lines = code.split('\n')
      const ownImports = lines.filter((line) =>
        /^import .* from '(?!kafka-do'|kafka-do\/(client|http|server|testing)')/.test(line),
      )
      const body = lines.filter((line) => !line.startsWith('import '))
      writeFileSync(
        join(folder, name),
        `${prelude}${orderOf(page)}${ownImports.join('\n')}\n{\n${body.join('\n')}\n}\n`,
      )
    })
  }
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2024', 'esnext.disposable', 'esnext.promise', 'dom'],
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    paths: {
      'kafka-do': [join(root, 'dist/index.d.ts')],
      'kafka-do/http': [join(root, 'dist/server/http.d.ts')],
      'kafka-do/*': [join(root, 'dist/*/index.d.ts')],
    },
  }
  const config = { compilerOptions, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
    (error: { stdout: string }) => error,
  )
  expect(stdout).toBe('')
})
