/** What a client leaves behind when it closes: nothing. A timer that is left would keep its process alive. */
import { expect, test } from 'vitest'
import type { BaseClient } from '../../src/client/client.ts'
import { amount } from '../amount.ts'
import { SeededRandom } from '../simulation/random.ts'
import { openSlowClient, turns } from './slow-connection.ts'

const ways: [name: string, end: (kafka: BaseClient, stop: AbortController) => unknown][] = [
  ['the client is closed', (kafka) => kafka.close()],
  ['the consumer is stopped', (_kafka, stop) => stop.abort()],
]

test.each(ways)('leaves no timer and sends nothing more when %s', async (_name, end) => {
  for (let seed = 0; seed < amount(30, 600); seed++) {
    const random = new SeededRandom(seed)
    const { kafka, runtime, quiet, close } = openSlowClient(random)
    await kafka.produce('numbers', 0)
    const stop = new AbortController()
    const config = {
      group: 'g',
      heartbeatInterval: 10,
      autoCommitInterval: 10,
      signal: stop.signal,
    }
    const reading = kafka.consume('numbers', config, () => turns(random.below(5)))
    const producer = kafka.producer('numbers', { linger: random.below(4) })
    const sending = Promise.allSettled(Array.from({ length: 5 }, (_, n) => producer.send(n)))
    await turns(random.below(120))
    await end(kafka, stop)
    await Promise.all([reading, sending])
    await quiet()
    expect(runtime.pendingTimers, `seed ${seed}`).toBe(0)
    await close()
  }
})
