import { beforeEach, describe, expect, test } from 'vitest'
import { type Client, KafkaError, Offset, ProducerFencedError } from '../../src/index.ts'
import { isServed, useCluster } from './test-cluster.ts'

describe('transactions', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(() => {
    kafka = cluster.open()
  })

  /** What a consumer that reads committed records sees before a last record. */
  async function read(topic: string): Promise<unknown[]> {
    const end = 'end of test'
    const { partitions } = await kafka.admin.describeTopic(topic)
    for (let partition = 0; partition < partitions; partition++)
      await kafka.produce(topic, end, { partition })
    const values: unknown[] = []
    let ends = 0
    for await (const { value } of kafka.consumer(topic, { offset: Offset.earliest })) {
      if (value !== end) values.push(value)
      else if (++ends === partitions) break
    }
    return values
  }

  test('commits what was sent, to several topics', async () => {
    await kafka.admin.createTopic('a', { partitions: 2 })
    await kafka.admin.createTopic('b')
    const result = await kafka.transaction('a', async (tx) => {
      await tx.send(1, { key: 'x' })
      void tx.sendBatch([2, 3])
      await tx.send(4, { topic: 'b' })
      return 'result'
    })
    expect(result).toBe('result')
    expect((await read('a')).sort()).toEqual([1, 2, 3])
    expect(await read('b')).toEqual([4])
  })

  test('an error in the work aborts, and the next transaction goes on', async () => {
    await kafka.admin.createTopic('a')
    for (let i = 0; i < 3; i++) {
      const failing = kafka.transaction('a', async (tx) => {
        await tx.send(`no ${i}`)
        void tx.send(`no, not awaited ${i}`)
        throw new Error('my own')
      })
      await expect(failing).rejects.toThrow('my own')
      await kafka.transaction('a', (tx) => tx.send(`yes ${i}`))
    }
    expect(await read('a')).toEqual(['yes 0', 'yes 1', 'yes 2'])
  })

  test('a send that fails aborts although nobody awaited it', async () => {
    await kafka.admin.createTopic('a')
    const failing = kafka.transaction('a', async (tx) => {
      await tx.send('no')
      void tx.send('no', { partition: 7 })
    })
    await expect(failing).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    await kafka.transaction('a', (tx) => tx.send('yes'))
    expect(await read('a')).toEqual(['yes'])
  })

  test('an empty one is nothing', async () => {
    expect(await kafka.transaction('a', async () => 7)).toBe(7)
  })

  test('many at a time, each all or nothing', async () => {
    await kafka.admin.createTopic('a', { partitions: 3 })
    const run = (n: number) =>
      kafka.transaction('a', async (tx) => {
        for (let partition = 0; partition < 3; partition++) void tx.send(n, { partition })
        if (n % 3 === 0) throw new Error('abort')
      })
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, (_, n) => run(n)))
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10)
    const values = (await read('a')) as number[]
    expect(values).toHaveLength(60)
    for (const n of new Set(values)) expect(values.filter((value) => value === n)).toHaveLength(3)
  })

  test('a newer producer with the same id fences the older', async () => {
    await kafka.admin.createTopic('a')
    const old = cluster.open()
    const named = { id: 'payments' }
    const work = gate()
    const begun = gate()
    // An embedded broker in memory has one client: there the older has nothing to meet.
    const zombie = isServed
      ? old.transaction('a', named, async (tx) => {
          await tx.send('zombie')
          begun.open()
          await work.opened
          await tx.send('zombie again')
        })
      : Promise.reject(new ProducerFencedError('not here'))
    zombie.catch(() => undefined)
    if (isServed) await begun.opened
    await kafka.transaction('a', named, (tx) => tx.send('first'))
    await kafka.transaction('a', named, (tx) => tx.send('second'))
    work.open()
    await expect(zombie).rejects.toThrow(ProducerFencedError)
    if (isServed) {
      const again = old.transaction('a', named, (tx) => tx.send('x'))
      await expect(again).rejects.toThrow(ProducerFencedError)
    }
    expect(await read('a')).toEqual(['first', 'second'])
  })

  test('reads, writes and commits offsets exactly once', async () => {
    await kafka.admin.createTopic('in', { partitions: 2 })
    await kafka.admin.createTopic('out', { partitions: 2 })
    const numbers = Array.from({ length: 200 }, (_, n) => n)
    await kafka.producer<number>('in').sendBatch(numbers)
    let failures = 0
    let done = 0
    while (done < 200) {
      const stop = new AbortController()
      const config = { group: 'copy', signal: stop.signal, heartbeatInterval: 20 }
      try {
        await kafka.consume<number>('in', config, async (record) => {
          await kafka.transaction<void, number>('out', async (tx) => {
            void tx.send(record.value, { key: String(record.value) })
            await tx.commitOffsets(record)
            if (record.value % 50 === 7 && failures < record.value / 25) {
              failures++
              throw new Error('crash')
            }
          })
          if (++done === 200) stop.abort()
        })
      } catch (error) {
        expect(String(error)).toContain('crash')
      }
    }
    expect(failures).toBeGreaterThan(3)
    expect(((await read('out')) as number[]).sort((a, b) => a - b)).toEqual(numbers)
  })

  test('says what is wrong with its use', async () => {
    await expect(
      kafka.transaction('a', { isolation: 'x' } as never, async () => 1),
    ).rejects.toThrow("no option 'isolation'")
    await expect(kafka.transaction('a', { acks: 1 } as never, async () => 1)).rejects.toThrow(
      'acks',
    )
    await expect(kafka.transaction('a', {} as never)).rejects.toThrow('needs a function')
    let leaked: { send(value: string): Promise<unknown> } | undefined
    await kafka.transaction('a', async (tx) => {
      leaked = tx
    })
    await expect(leaked!.send('late')).rejects.toThrow(KafkaError)
    const [record] = await (async () => {
      await kafka.produce('b', 1)
      return kafka.consumer('b').take(1).toArray()
    })()
    await expect(kafka.transaction('a', (tx) => tx.commitOffsets(record!))).rejects.toThrow(
      'needs a group',
    )
  })
})

function gate(): { opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
