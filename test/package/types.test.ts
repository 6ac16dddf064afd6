/** The package's types as a strict user's compiler sees them: every way to resolve modules, declarations checked too. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isLong } from '../amount.ts'
import { copyPackage, linkPackage, runIn } from './packed-package.ts'

let folder = ''

const programs = {
  'typed.mts': `import { Client, type Consumer, Offset, type ProducerConfig, type ConsumerRecord, string, topic } from 'kafka-do'
import { createServer, type Server } from 'kafka-do/server'
import { MockClient, type StoredMessage } from 'kafka-do/testing'

interface Order { orderId: string; amount: number }
const orders = topic<Order>('orders')
await using kafka = new Client('memory:')
const stored = await kafka.produce(orders, { orderId: '1', amount: 2 }, { key: 'a' })
const offset: bigint = stored.offset
for await (const record of kafka.consumer(orders).filter(({ value }) => value.amount > 1).take(1)) {
  const typedRecord: ConsumerRecord<Order> = record
  console.log(typedRecord.value.orderId, offset)
}
const consumer: Consumer<Order> = kafka.consumer(orders, { group: 'g', offset: Offset.earliest })
await consumer.close()
const config: ProducerConfig = { compression: 'zstd', linger: 5 }
await kafka.producer(topic('lines', { value: string }), config).send('one')
// A setting that may be undefined is one that is not given.
const group = undefined as string | undefined
kafka.consumer(orders, { group })
new Client({ clientId: group })

const mock = new MockClient()
const messages: StoredMessage<Order>[] = await mock.getMessages(orders)
const server: Server = await createServer({ data: 'memory:', port: 0 })
await server.close()
console.log(messages)

// @ts-expect-error: an order has no such field
kafka.produce(orders, { total: 3 }).catch(() => undefined)
// @ts-expect-error: no such option
kafka.producer(orders, { compresion: 'gzip' })
// @ts-expect-error: internals cannot be imported
import('kafka-do/dist/index.js')
`,
  'telemetry.mts': `import { Client, type Metric, type Telemetry } from 'kafka-do'
import { contextOf, openTelemetry, type OpenTelemetryOptions } from 'kafka-do/opentelemetry'

const options: OpenTelemetryOptions = {}
const telemetry: Telemetry = openTelemetry(options)
const kafka = new Client({ telemetry })
const metrics: Metric[] = kafka.metrics()
for await (const record of kafka.consumer('orders')) console.log(contextOf(record), metrics)

// @ts-expect-error: not telemetry
new Client({ telemetry: {} })
`,
  'streams.mts': `import { Client, type Stream, StreamProcessingError, type StreamRun, type Table, topic, Window, Windowed, type WindowedTable, windowedKey } from 'kafka-do'
import { StreamTestDriver } from 'kafka-do/testing'

interface Order { orderId: string; customerId: string; amount: number }
interface Customer { id: string; name: string }
const kafka = new Client('memory:')
const large: StreamRun = kafka.stream<Order>('orders').filter((order) => order.amount > 100).to('large-orders')
const counts: WindowedTable<number, string> = kafka.stream<Order>('orders').window(Window.tumbling('5m')).groupBy((order) => order.customerId).count()
counts.forEach((key: string, { value, start }) => console.log(key, value! + 1, start.getTime()))

const app = kafka.streams({ app: 'orders-app', guarantee: 'exactly-once' })
const orders: Stream<Order, string | null> = app.stream<Order>('orders')
const customers: Table<Customer, string> = app.table<Customer>('customers')
orders.rekey((order) => order.customerId).join(customers, { type: 'left' }).map((order, customer) => [order.amount, customer?.name ?? 'nobody'] as const).to('enriched')
await using running = await app.start()
const named: string | undefined = running.store<Customer>('customers').get('c1')?.name
await large.catch((error) => console.log(error instanceof StreamProcessingError && error.operator, named))
const byWindow = topic('counts', { key: windowedKey(), value: { name: 'n', serialize: String, deserialize: Number } })
await kafka.produce(byWindow, 5, { key: new Windowed('c1', 0, 300_000) })
const driver = new StreamTestDriver((test) => test.stream<Order>('orders').to('copies'))
driver.send<Order>('orders', { orderId: '1', customerId: 'c', amount: 1 })

// @ts-expect-error: two streams need a window
orders.join(orders)
// @ts-expect-error: an order has no such field
orders.filter((order) => order.total > 1)
`,
  'imports.cts': `async function main(): Promise<void> {
  const { Client } = await import('kafka-do')
  await new Client('memory:').close()
}
main()
`,
  'requires.cts': `import { Client } from 'kafka-do'
new Client('memory:').close()
`,
}
type Program = keyof typeof programs

beforeAll(() => {
  folder = copyPackage()
  for (const name of ['typescript', '@typescript', '@types', '@opentelemetry/api', 'undici-types'])
    linkPackage(folder, name)
  for (const [file, text] of Object.entries(programs)) writeFileSync(join(folder, file), text)
})
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const everyWay: readonly (readonly [string, string, readonly Program[]])[] = [
  ['node16', 'node16', ['typed.mts', 'telemetry.mts', 'streams.mts', 'imports.cts']],
  [
    'nodenext',
    'nodenext',
    ['typed.mts', 'telemetry.mts', 'streams.mts', 'imports.cts', 'requires.cts'],
  ],
  ['esnext', 'bundler', ['typed.mts', 'telemetry.mts', 'streams.mts']],
]
const environments = [
  ['with the types of Node', { lib: ['esnext'], types: ['node'] }],
  ['with the types of browsers', { lib: ['esnext', 'dom'], types: [] }],
] as const

const combinations = everyWay.flatMap((way) =>
  environments.map((environment) => [...way, ...environment] as const),
)

// The short form has each way once, and both environments.
test.each(isLong ? combinations : [combinations[0]!, combinations[3]!, combinations[5]!])(
  'hold with module %s and moduleResolution %s, for %s, %s',
  (module, moduleResolution, files, _, environment) => {
    const compilerOptions = {
      module,
      moduleResolution,
      ...environment,
      target: 'es2022',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    expect(runIn(folder, 'node', 'node_modules/typescript/bin/tsc', '-p', '.')).toBe('')
  },
)
