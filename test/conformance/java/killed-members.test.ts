/** Console consumers of one group, of which one is killed while records come: the others get everything. */
import { afterEach, expect, test } from 'vitest'
import { Client, Message } from '../../../src/index.ts'
import { type JavaProcess, startTool } from '../../kafka/java-tools.ts'
import { describeBroker } from './describe-broker.ts'

describeBroker(
  'Java tools: kafka-console-consumer in a group',
  (broker) => {
    const members: JavaProcess[] = []
    afterEach(async () => {
      await Promise.all(members.splice(0).map((member) => member.kill()))
    })

    async function startMember(topic: string, assignor: string): Promise<JavaProcess> {
      const settings = {
        'partition.assignment.strategy': `org.apache.kafka.clients.consumer.${assignor}`,
        'session.timeout.ms': 3000,
        'heartbeat.interval.ms': 200,
        'auto.commit.interval.ms': 100,
      }
      const properties = Object.entries(settings).flatMap(([name, value]) => [
        '--command-property',
        `${name}=${value}`,
      ])
      const member = await startTool('console-consumer', [
        ...['--bootstrap-server', broker().bootstrap, '--topic', topic, '--group', topic],
        ...['--from-beginning', ...properties],
      ])
      members.push(member)
      return member
    }

    test.each(['RangeAssignor', 'CooperativeStickyAssignor'])(
      'one of three is killed while records come, nothing is lost: %s',
      async (assignor) => {
        const topic = `killed-${assignor}`
        await using ours = new Client(broker().url)
        await ours.admin.createTopic(topic, { partitions: 6 })
        const three = await Promise.all([1, 2, 3].map(() => startMember(topic, assignor)))
        const killed = three[0]!
        const shares = async () => {
          const { state, members } = await ours.admin.describeGroup(topic)
          return { state, shares: members.map(({ partitions }) => partitions.length) }
        }
        await expect
          .poll(shares, { timeout: 60_000 })
          .toEqual({ state: 'Stable', shares: [2, 2, 2] })

        const producer = ours.producer(topic)
        const sent: string[] = []
        const send = async () => {
          const value = `${sent.length}`
          sent.push(value)
          await producer.sendBatch([new Message(value, { partition: Number(value) % 6 })])
        }
        let enough = false
        const sending = (async () => {
          while (!enough) await send()
        })()
        await killed.until(({ lines }) => lines.length >= 20)
        await killed.kill()
        const before = sent.length
        await expect.poll(shares, { timeout: 60_000 }).toEqual({ state: 'Stable', shares: [3, 3] })
        enough = true
        await sending
        const atEnd = sent.length
        for (let i = 0; i < 60; i++) await send()

        const missedBy = (processes: readonly JavaProcess[], values: readonly string[]) => {
          const lines = new Set(processes.flatMap((process) => process.lines))
          return values.filter((value) => !lines.has(JSON.stringify(value)))
        }
        // What came after the kill, the two that are left have; what came before, one of the three.
        await expect
          .poll(() => missedBy(three.slice(1), sent.slice(before)), { timeout: 60_000 })
          .toEqual([])
        expect(missedBy(three, sent)).toEqual([])
        // Once it was settled, every record went to one of them, once.
        const last = new Set(sent.slice(atEnd).map((value) => JSON.stringify(value)))
        const shown = three.slice(1).flatMap(({ lines }) => lines.filter((line) => last.has(line)))
        expect(shown).toHaveLength(last.size)
      },
    )
  },
  { groupMinSessionTimeout: 3000 },
)
