/** A unit test: `MockClient` is the real client on a broker in memory, with a clock to move and faults to inject. `node --test`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MockClient } from 'kafka-do/testing'

/** The code under test. @param {import('kafka-do').Client} kafka */
async function invoiceAll(kafka) {
  for await (const { value } of kafka.consumer('orders').take(2)) {
    const { amount } = /** @type {{ amount: number }} */ (value)
    await kafka.produce('invoices', { total: amount * 1.2 })
  }
}

test('every order is invoiced', async () => {
  const kafka = new MockClient()
  await kafka.seed('orders', [{ amount: 10 }, { amount: 20 }])
  // The first attempt to write fails in passing, as leaders move; the client tries again.
  kafka.faults.fail('produce', 'NOT_LEADER_OR_FOLLOWER')
  await invoiceAll(kafka)
  const invoices = await kafka.getMessages('invoices')
  assert.deepEqual(
    invoices.map(({ value }) => value),
    [{ total: 12 }, { total: 24 }],
  )
  await kafka.close()
})
