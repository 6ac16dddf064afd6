/** Members that come and go over a slow way to the broker, where answers overtake each other: nothing is lost, or handled twice. */
import { expect, test } from 'vitest'
import { amount } from '../amount.ts'
import { SeededRandom } from '../simulation/random.ts'
import { openSlowClient, turns } from './slow-connection.ts'

const partitions = 6

test.each(['cooperative-sticky', 'range', 'roundrobin'] as const)('%s', async (assignor) => {
  for (let seed = 0; seed < amount(8, 200); seed++) {
    const random = new SeededRandom(seed)
    const { kafka, close } = openSlowClient(random)
    await kafka.admin.createTopic('numbers', { partitions })
    const seen: number[] = []
    const lost: string[] = []
    const begin = () => {
      const stop = new AbortController()
      const ended = kafka.consume<number>(
        'numbers',
        {
          group: 'g',
          assignor,
          heartbeatInterval: 40,
          autoCommitInterval: 10,
          signal: stop.signal,
          onLost: (given) => lost.push(JSON.stringify(given)),
        },
        ({ value }) => void seen.push(value),
      )
      return { stop: () => stop.abort(), ended }
    }
    const producer = kafka.producer<number>('numbers')
    let sent = 0
    const sendSome = async () => {
      const partition = random.below(partitions)
      await producer.send(sent++, { partition })
      await turns(random.below(10))
    }
    const all = [begin()]
    const running = [...all]
    for (let step = 0; step < 60; step++) {
      await sendSome()
      if (running.length < 4 && random.chance(0.15)) {
        const member = begin()
        all.push(member)
        running.push(member)
      } else if (running.length > 1 && random.chance(0.1)) {
        running.splice(random.below(running.length), 1)[0]!.stop()
      }
    }
    while (new Set(seen).size < sent) await turns(1)
    for (const member of running) member.stop()
    await Promise.all(all.map(({ ended }) => ended))
    expect(lost, `seed ${seed}`).toEqual([])
    expect(
      [...seen].sort((a, b) => a - b),
      `seed ${seed}`,
    ).toEqual([...Array(sent).keys()])
    await close()
  }
})
