/** An integration test: the real client and a real broker, in memory, started in milliseconds. `node --test`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'kafka-do'
import { createServer } from 'kafka-do/server'

test('an order is invoiced, over TCP', async () => {
  const server = await createServer({ data: 'memory:', port: 0 })
  const kafka = new Client(server.url)
  await kafka.produce('orders', { amount: 10 })
  for await (const { value } of kafka.consumer('orders').take(1)) {
    const { amount } = /** @type {{ amount: number }} */ (value)
    await kafka.produce('invoices', { total: amount * 1.2 })
  }
  const [invoice] = await kafka.consumer('invoices').take(1).toArray()
  assert.deepEqual(invoice?.value, { total: 12 })
  await kafka.close()
  await server.close()
})
