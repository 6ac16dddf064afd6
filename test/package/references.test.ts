/** Producers and consumers that are done are let go of, while their client lives on. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const script = `
  import { Client } from 'kafka-do'
  const kafka = new Client('memory:')
  await kafka.produce('orders', 1)
  const refs = { producers: [], consumers: [], groups: [] }
  for (let i = 0; i < 20; i++) {
    const producer = kafka.producer('orders')
    await producer.send(i)
    await producer.close()
    refs.producers.push(new WeakRef(producer))
    const consumer = kafka.consumer('orders')
    await consumer.take(1).toArray()
    refs.consumers.push(new WeakRef(consumer))
    const member = kafka.consumer('orders', { group: 'g' + i })
    for await (const record of member) { await record.commit(); break }
    await member.close()
    refs.groups.push(new WeakRef(member))
  }
  const left = (list) => list.filter((ref) => ref.deref() !== undefined).length
  for (let round = 0; round < 20; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    globalThis.gc()
  }
  console.log(JSON.stringify(Object.fromEntries(Object.entries(refs).map(([k, v]) => [k, left(v)]))))
  await kafka.close()
`

test('a closed producer, a finished consumer and a closed one can be collected', async () => {
  const args = ['--expose-gc', '--input-type=module', '-e', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root })
  const left = JSON.parse(stdout) as { [what: string]: number }
  // The last one of each may still be on the stack.
  for (const [what, count] of Object.entries(left)) expect(count, what).toBeLessThan(3)
})
