/** What a client leaves behind when it closes: nothing. A timer that is left would keep its process alive. */
import { expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { SeededRandom } from '../simulation/random.ts'
import { SlowConnection, turns } from './slow-connection.ts'

const ways: [name: string, end: (kafka: BaseClient, stop: AbortController) => unknown][] = [
  ['the client is closed', (kafka) => kafka.close()],
  ['the consumer is stopped', (_kafka, stop) => stop.abort()],
]

test.each(ways)('leaves no timer and sends nothing more when %s', async (_name, end) => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new SeededRandom(seed)
    const runtime = new ManualRuntime()
    const brokerRuntime = new ManualRuntime()
    let isOver = false
    const ticking = (async () => {
      for (; !isOver; await turns(1)) {
        runtime.advance(1)
        brokerRuntime.advance(1)
      }
    })()
    const embedded = new EmbeddedConnection('memory:', 'test', runtime, () =>
      Broker.open({ fileSystem: createMemoryFileSystem(), runtime: brokerRuntime }),
    )
    const slow = new SlowConnection(embedded, random)
    const kafka = new BaseClient(resolveClientConfig({ runtime }, {}), slow)
    await kafka.produce('numbers', 0)
    const stop = new AbortController()
    const config = {
      group: 'g',
      heartbeatInterval: 10,
      autoCommitInterval: 10,
      signal: stop.signal,
    }
    const reading = kafka.consume('numbers', config, () => turns(random.below(5)))
    const producer = kafka.producer('numbers', { lingerMs: random.below(4) })
    const sending = Promise.allSettled(Array.from({ length: 5 }, (_, n) => producer.send(n)))
    await turns(random.below(120))
    await end(kafka, stop)
    await Promise.all([reading, sending])
    // Whatever was on its way has come, and has had the time to lead to something.
    for (let quiet = 0; quiet < 20; quiet++, await turns(1)) if (slow.underWay > 0) quiet = 0
    expect(runtime.pendingTimers, `seed ${seed}`).toBe(0)
    await kafka.close()
    isOver = true
    await ticking
  }
})
