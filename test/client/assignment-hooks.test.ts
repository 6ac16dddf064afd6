/** What an application is told of its partitions, and that it is waited for. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Client, type ConsumerConfig, Offset } from '../../src/index.ts'
import { MockClient } from '../../src/testing/index.ts'
import { until } from '../until.ts'
import { useCluster } from './test-cluster.ts'

/** A promise that the test settles. */
function gate() {
  let open: () => void = () => undefined
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}

describe('hooks are waited for', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(() => {
    kafka = cluster.open()
  })

  test.each([undefined, 'group'])(
    'with group %s: onAssigned knows where each partition starts, and no record comes before it is over',
    async (group) => {
      await kafka.produce('orders', 'one')
      const { promise, open } = gate()
      const events: unknown[] = []
      const consumer = kafka.consumer<string>('orders', {
        group,
        offset: Offset.latest,
        async onAssigned(partitions) {
          events.push(
            partitions,
            consumer.positions().map(({ position }) => position),
          )
          consumer.seek(partitions[0]!, 0n)
          await promise
          events.push('assigned')
        },
        onRevoked: () => events.push('revoked'),
      })
      const done = consumer.forEach(({ value }) => void events.push(value))
      await until(() => events.length === 2)
      await kafka.produce('orders', 'two')
      expect(events).toEqual([[{ topic: 'orders', partition: 0 }], [1n]])
      open()
      await until(() => events.length === 5)
      await consumer.close()
      await done
      expect(events.slice(2)).toEqual(['assigned', 'one', 'two', 'revoked'])
    },
  )

  test('within onRevoked committing still works, and the group is left only after it', async () => {
    await kafka.producer('orders').sendBatch([1, 2, 3])
    const { promise, open } = gate()
    let last: { commit(): Promise<void> } | undefined
    const consumer = kafka.consumer<number>('orders', {
      group: 'group',
      autoCommit: false,
      async onRevoked() {
        await promise
        await last!.commit()
      },
    })
    const done = consumer.forEach((record) => {
      last = record
    })
    await until(() => consumer.positions()[0]?.position === 3n)
    const closing = consumer.close()
    expect((await kafka.admin.describeGroup('group')).members).toHaveLength(1)
    open()
    await closing
    await done
    const { partitions, members } = await kafka.admin.describeGroup('group')
    expect([partitions[0]!.committed, members]).toEqual([3n, []])
  })

  test('a member that comes waits until the one before it has given up', async () => {
    await kafka.admin.createTopic('orders', { partitions: 2 })
    const { promise, open } = gate()
    const events: string[] = []
    const config = (name: string): ConsumerConfig => ({
      group: 'group',
      heartbeatInterval: 20,
      onAssigned: (partitions) => events.push(`${name}+${partitions.length}`),
      async onRevoked(partitions) {
        events.push(`${name}-${partitions.length} begins`)
        if (name === 'one') await promise
        events.push(`${name}-${partitions.length}`)
      },
    })
    const one = kafka.consumer('orders', config('one'))
    await one.ready()
    const two = kafka.consumer('orders', config('two'))
    const ready = two.ready()
    await vi.waitFor(() => expect(events).toEqual(['one+2', 'one-1 begins']), 15_000)
    open()
    await ready
    await vi.waitFor(
      () => expect(events).toEqual(['one+2', 'one-1 begins', 'one-1', 'two+1']),
      15_000,
    )
    await Promise.all([one.close(), two.close()])
  })
})

describe('partitions that are lost', () => {
  test('onLost has them, apart from onRevoked, and what comes next waits for it', async () => {
    await using kafka = new MockClient()
    await kafka.seed('orders', [1])
    const { promise, open } = gate()
    const events: string[] = []
    const consumer = kafka.consumer<number>('orders', {
      group: 'g',
      heartbeatInterval: 10,
      onAssigned: () => events.push('assigned'),
      onRevoked: () => events.push('revoked'),
      async onLost() {
        events.push('losing')
        await promise
        events.push('lost')
      },
    })
    const done = consumer.forEach((record) => void record)
    await consumer.ready()
    await kafka.rebalance('g')
    while (!events.includes('losing')) await kafka.clock.advance(10)
    await kafka.clock.advance('1s')
    expect(events).toEqual(['assigned', 'losing'])
    open()
    while (events.filter((event) => event === 'assigned').length < 2) await kafka.clock.advance(10)
    await consumer.close()
    await done
    expect(events).toEqual(['assigned', 'losing', 'lost', 'assigned', 'revoked'])
  })
})

describe('a hook that fails ends its consumer with its error, by the ordinary path', () => {
  let kafka: MockClient
  const unhandled: unknown[] = []
  const note = (error: unknown) => void unhandled.push(error)
  beforeEach(async () => {
    kafka = new MockClient()
    await kafka.seed('orders', [1])
    process.on('unhandledRejection', note)
  })
  afterEach(async () => {
    await kafka.close()
    process.off('unhandledRejection', note)
    expect(unhandled.splice(0)).toEqual([])
  })

  const throwing = () => {
    throw new Error('mine')
  }
  const rejecting = () => Promise.reject(new Error('mine'))
  const failing = [
    ['throws', throwing],
    ['rejects', rejecting],
  ] as const

  test.each(failing)('onAssigned %s', async (_, hook) => {
    for (const group of [undefined, 'g']) {
      const seen: unknown[] = []
      const reading = kafka.consume('orders', { group, onAssigned: hook }, (record) => {
        seen.push(record)
      })
      await expect(reading).rejects.toThrow('mine')
      expect(seen).toEqual([])
      await expect(kafka.consumer('orders', { group, onAssigned: hook }).ready()).rejects.toThrow(
        'mine',
      )
    }
    expect((await kafka.admin.describeGroup('g')).members).toEqual([])
  })

  test.each(failing)('onRevoked %s, at the end', async (_, hook) => {
    const consumer = kafka.consumer('orders', { group: 'g', onRevoked: hook })
    const reading = consumer.forEach(() => void consumer.close().catch(() => undefined))
    await expect(reading).rejects.toThrow('mine')
    expect((await kafka.admin.describeGroup('g')).members).toEqual([])
    const stop = new AbortController()
    const config = { group: 'g', onRevoked: hook, signal: stop.signal, offset: Offset.earliest }
    const other = kafka.consumer('orders', config)
    await other.ready()
    stop.abort()
    await expect(other.close()).rejects.toThrow('mine')
  })

  test.each(failing)('onLost %s', async (_, hook) => {
    const config = { group: 'g', heartbeatInterval: 10, onLost: hook }
    const reading = kafka.consume('orders', config, () => kafka.rebalance('g'))
    let isOver = false
    const ended = expect(reading).rejects.toThrow('mine')
    void ended.then(() => {
      isOver = true
    })
    while (!isOver) await kafka.clock.advance(10)
    await ended
  })

  test.each(['onAssigned', 'onRevoked'] as const)('%s that never ends', async (name) => {
    const consumer = kafka.consumer('orders', {
      group: 'g',
      hookTimeout: '5s',
      [name]: () => new Promise(() => undefined),
    })
    const reading = consumer.forEach(() => void consumer.close().catch(() => undefined))
    let isOver = false
    const ended = expect(reading).rejects.toThrow(
      `${name} was still running after 5000 ms, so its consumer stops`,
    )
    void ended.then(() => {
      isOver = true
    })
    while (!isOver) await kafka.clock.advance('1s')
    await ended
  })
})
