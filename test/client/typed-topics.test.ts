/** Topics with a schema: what does not fit is neither sent nor handed out, and the types are the schema's. */
import { type } from 'arktype'
import * as v from 'valibot'
import { beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  type Client,
  Message,
  SchemaError,
  SerializationError,
  type StandardSchema,
  topic,
} from '../../src/index.ts'
import { useCluster } from './test-cluster.ts'

interface Order {
  orderId: string
  lines: { price: number }[]
}

const schemas: [library: string, StandardSchema<unknown, Order>][] = [
  ['zod', z.object({ orderId: z.string(), lines: z.array(z.object({ price: z.number() })) })],
  ['valibot', v.object({ orderId: v.string(), lines: v.array(v.object({ price: v.number() })) })],
  ['arktype', type({ orderId: 'string', lines: type({ price: 'number' }).array() })],
]
const good: Order = { orderId: '1', lines: [{ price: 1 }, { price: 2.5 }] }
const bad = { orderId: '1', lines: [{ price: 1 }, { price: 'much' }] }

describe('topics with a schema', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(async () => {
    kafka = cluster.open()
    await kafka.admin.createTopic('orders')
  })

  test.each(schemas)('%s: the path of what does not fit', async (library, schema) => {
    const orders = topic<Order>('orders', { schema })
    await kafka.produce(orders, good)
    const error = await kafka.produce(orders, bad as unknown as Order).catch((reason) => reason)
    expect(error).toBeInstanceOf(SerializationError)
    expect(error).toMatchObject({
      code: 'SERIALIZATION_FAILED',
      retriable: false,
      outcome: 'failed',
    })
    expect(error.message).toContain(`value of a record for topic 'orders'`)
    expect(error.message).toContain(`schema (${library}): lines[1].price: `)
    expect(error.cause).toBeInstanceOf(SchemaError)
    expect(error.cause.issues).toMatchObject([{ path: 'lines[1].price' }])
    const [record] = await kafka.consumer(orders).take(1).toArray()
    expect(record!.value).toEqual(good)
  })

  test('a record that does not fit stops its reader, who is told which it is', async () => {
    const orders = topic<Order>('orders', { schema: schemas[0]![1] })
    await kafka.producer('orders').sendBatch([good, bad])
    const seen: unknown[] = []
    const reading = kafka.consumer(orders).forEach(({ value }) => void seen.push(value))
    const error = await reading.catch((reason: unknown) => reason as SerializationError)
    expect(error).toMatchObject({ name: 'SerializationError', code: 'DESERIALIZATION_FAILED' })
    expect((error as Error).message).toContain('at offset 1 of orders-0')
    expect((error as Error).message).toContain('lines[1].price')
    expect(seen).toEqual([good])
  })

  test('a record that does not fit goes to the dead letters as it is, where that is wanted', async () => {
    const orders = topic<Order>('orders', { schema: schemas[0]![1] })
    await kafka.admin.createTopic('orders.failed')
    await kafka.producer('orders').sendBatch([bad, good])
    const enough = new AbortController()
    await kafka
      .consume(
        orders,
        { group: 'g', onError: { deadLetter: 'orders.failed' }, signal: enough.signal },
        () => enough.abort(),
      )
      .catch((error) => expect(error).toMatchObject({ code: 'ABORTED' }))
    const [dead] = await kafka.consumer('orders.failed').take(1).toArray()
    expect(dead!.value).toEqual(bad)
  })

  test('stored is what was sent; what the schema makes of it is read', async () => {
    const schema = z.object({
      at: z.iso.datetime().transform((text) => new Date(text)),
      n: z.number().default(7),
    })
    const events = topic('orders', { schema })
    expectTypeOf(kafka.producer(events).send)
      .parameter(0)
      .toEqualTypeOf<{ at: string; n?: number | undefined } | null>()
    expectTypeOf(kafka.consumer(events).take(1).toArray)
      .returns.resolves.items.toHaveProperty('value')
      .toEqualTypeOf<{ at: Date; n: number }>()
    await kafka.transaction(events, async (tx) => {
      expectTypeOf(tx.send).toBeFunction()
      await tx.send({ at: '2026-01-02T03:04:05Z' })
      await tx.sendBatch([new Message({ at: '2026-01-02T03:04:06Z', n: 1 })])
    })
    const read = await kafka.consumer(events).take(2).toArray()
    expect(read.map(({ value }) => value)).toEqual([
      { at: new Date('2026-01-02T03:04:05Z'), n: 7 },
      { at: new Date('2026-01-02T03:04:06Z'), n: 1 },
    ])
    const [stored] = await kafka.consumer('orders').take(1).toArray()
    expect(stored!.value).toEqual({ at: '2026-01-02T03:04:05Z' })
  })

  test('tombstones have no value to check', async () => {
    const orders = topic<Order>('orders', { schema: schemas[0]![1] })
    await kafka.produce(orders, null, { key: 'gone' })
    const [record] = await kafka.consumer(orders).take(1).toArray()
    expect(record).toMatchObject({ key: 'gone', value: null })
  })

  test('a schema that checks asynchronously is refused', async () => {
    const schema = z.string().refine(async () => true)
    const sending = kafka.produce(topic('orders', { schema }), 'a')
    await expect(sending).rejects.toThrow('checks asynchronously')
  })
})

test('a topic’s options are checked', () => {
  // @ts-expect-error: not an option
  expect(() => topic('t', { shema: z.string() })).toThrow("Did you mean 'schema'?")
  // @ts-expect-error: not a schema
  expect(() => topic('t', { schema: {} })).toThrow('TopicOptions.schema must be a Standard Schema')
  // @ts-expect-error: json is a function that makes a serialiser
  expect(() => topic('t', { value: JSON })).toThrow('TopicOptions.value must be a serialiser')
})

test('without a schema, types are what the topic says', () => {
  const orders = topic<Order>('t')
  expectTypeOf(orders).toEqualTypeOf(topic<Order, string>('t'))
  // @ts-expect-error: arktype's and zod's types are checked
  topic<Order>('t', { schema: z.string() })
})
