/** Connections that a client holds at a server: what is finished lets go of its own. */
import { expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'
import { until } from '../until.ts'

test.each([undefined, 'g'])(
  'consumers that are finished leave no connection (group: %s)',
  async (group) => {
    await using server = await createServer({ data: 'memory:', port: 0 })
    await using kafka = new Client(server.url)
    await kafka.produce('orders', 1)
    let most = 0
    for (let i = 0; i < 30; i++) {
      const config = group === undefined ? {} : { group: `${group}${i}` }
      await kafka.consumer('orders', config).take(1).toArray()
      most = Math.max(most, server.connections)
    }
    // One for what all share, one or two of the consumer that has just finished.
    expect(most).toBeLessThan(10)
    await until(() => server.connections === 1)
  },
)
