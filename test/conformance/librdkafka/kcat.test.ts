/** kcat: librdkafka on the command line, in the version that Debian has. */
import { expect, test, vi } from 'vitest'
import { bytes, Client, Offset, string, topic } from '../../../src/index.ts'
import { keepsOldRecords, servedBroker, uniqueNames } from '../npm/served-broker.ts'
import { kcat as tool } from './kcat.ts'
import { describeTool } from './tool.ts'

const broker = servedBroker(keepsOldRecords)
const unique = uniqueNames()
const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
/** Long enough that every codec has something to repeat. */
const lines = Array.from({ length: 300 }, (_, i) => `line ${i}, ${'and so on, '.repeat(i % 20)}`)
const text = `${lines.join('\n')}\n`

interface Shown {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly tstype: string
  readonly ts: number
  readonly headers?: readonly (string | null)[]
  readonly key: string | null
  readonly payload: string | null
}

describeTool(tool, 'kcat: produce and consume', (kcat) => {
  const at = (...args: string[]) => ['-b', broker.bootstrap, ...args]
  const produce = (name: string, stdin: string, ...args: string[]) =>
    kcat().run(at('-P', '-t', name, ...args), { stdin })
  const consume = async (name: string, ...args: string[]) => {
    const options = args.includes('-o') ? args : ['-o', 'beginning', ...args]
    const output = await kcat().run(at('-C', '-q', '-e', '-t', name, ...options))
    return output.toString().split('\n').slice(0, -1)
  }
  const shown = async (name: string, ...args: string[]): Promise<Shown[]> =>
    (await consume(name, '-J', ...args)).map((line) => JSON.parse(line) as Shown)

  test.each(compressions)('compression: %s', async (compression) => {
    const name = unique(compression)
    await produce(name, text, '-z', compression)
    expect(await consume(name)).toEqual(lines)
    await using client = new Client(broker.url)
    const read: string[] = []
    const consumer = client.consumer(topic(name, { value: string }), { offset: Offset.earliest })
    for await (const { value } of consumer.take(lines.length)) read.push(value)
    expect(read).toEqual(lines)
  })

  test.each(compressions)("reads what kafka-do's client wrote: %s", async (compression) => {
    const name = unique(`ours-${compression}`)
    await using client = new Client(broker.url)
    await client.producer(topic(name, { value: string }), { compression }).sendBatch(lines)
    expect(await consume(name)).toEqual(lines)
  })

  test('bytes of any value', async () => {
    const name = unique('bytes')
    const every = Uint8Array.from({ length: 256 }, (_, i) => i)
    await kcat().run(at('-P', '-t', name, '-D', '<END>'), { stdin: every })
    await using client = new Client(broker.url)
    const consumer = client.consumer(topic(name, { value: bytes }), { offset: Offset.earliest })
    for await (const { value } of consumer.take(1))
      expect(Buffer.from(value)).toEqual(Buffer.from(every))
    await client.produce(topic(name, { value: bytes }), every)
    const read = await kcat().run(at('-C', '-q', '-e', '-t', name, '-o', '1', '-D', ''))
    expect(read).toEqual(Buffer.from(every))
  })

  test('keys, headers, null keys and null values', async () => {
    const name = unique('parts')
    await produce(
      name,
      'k1:v1\n:v2\nk3:\n',
      '-K',
      ':',
      '-Z',
      '-H',
      'a=ü',
      '-H',
      'b=',
      '-H',
      'a=again',
    )
    const parts = (await shown(name)).map(({ key, payload, headers }) => [key, payload, headers])
    const headers = ['a', 'ü', 'b', '', 'a', 'again']
    expect(parts).toEqual([
      ['k1', 'v1', headers],
      [null, 'v2', headers],
      ['k3', null, headers],
    ])
  })

  test('acks 0, 1 and all', async () => {
    const name = unique('acks')
    for (const acks of ['0', '1', 'all']) await produce(name, `${acks}\n`, '-X', `acks=${acks}`)
    expect(await consume(name)).toEqual(['0', '1', 'all'])
  })

  test('idempotent producer', async () => {
    const name = unique('idempotent')
    await produce(name, text, '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=7')
    expect(await consume(name)).toEqual(lines)
  })

  test('one partition, from an offset, the last few, a part', async () => {
    const name = unique('ranges')
    await produce(name, text)
    expect(await consume(name, '-p', '0', '-o', '250')).toEqual(lines.slice(250))
    expect(await consume(name, '-p', '0', '-o', '-3')).toEqual(lines.slice(-3))
    expect(await consume(name, '-p', '0', '-o', '10', '-c', '5')).toEqual(lines.slice(10, 15))
  })

  test('offsets of timestamps, and reading between them', async () => {
    const name = unique('times')
    const times = [1_600_000_000_000, 1_600_000_001_000, 1_600_000_002_000]
    await using client = new Client(broker.url)
    for (const time of times) {
      await client.produce(topic(name, { value: string }), `at ${time}`, {
        timestamp: new Date(time),
      })
    }
    const offsetAt = async (time: number) => {
      const answer = (await kcat().run(at('-Q', '-t', `${name}:0:${time}`))).toString()
      return Number(/offset (-?\d+)/.exec(answer)?.[1])
    }
    expect(await offsetAt(-2)).toBe(0)
    expect(await offsetAt(-1)).toBe(3)
    expect(await offsetAt(times[1]!)).toBe(1)
    expect(await offsetAt(times[1]! + 1)).toBe(2)
    expect(await offsetAt(times[2]! + 1)).toBe(-1)
    const records = await shown(name, '-o', `s@${times[1]}`, '-o', `e@${times[2]}`)
    expect(records.map(({ ts, tstype }) => [ts, tstype])).toEqual([[times[1], 'create']])
  })

  test('metadata: brokers, topics, partitions', async () => {
    const name = unique('listed')
    await using client = new Client(broker.url)
    await client.admin.createTopic(name, { partitions: 3 })
    const listed = JSON.parse((await kcat().run(at('-L', '-J'))).toString()) as {
      readonly brokers: readonly { id: number; name: string }[]
      readonly topics: readonly { topic: string; partitions: readonly object[] }[]
    }
    expect(listed.brokers).toEqual([{ id: 1, name: broker.bootstrap }])
    const described = listed.topics.find(({ topic }) => topic === name)
    expect(described?.partitions).toEqual(
      [0, 1, 2].map((partition) => ({
        partition,
        leader: 1,
        replicas: [{ id: 1 }],
        isrs: [{ id: 1 }],
      })),
    )
  })
})

describeTool(tool, 'kcat: groups', (kcat) => {
  test('a member of a group goes on where it was', async () => {
    const name = unique('group')
    await using client = new Client(broker.url)
    const producer = client.producer(topic(name, { value: string }))
    await producer.sendBatch(lines)
    const read = async (count: number) => {
      const output = await kcat().run([
        ...['-b', broker.bootstrap, '-q', '-c', String(count), '-X', 'auto.offset.reset=earliest'],
        ...['-G', name, name],
      ])
      return output.toString().split('\n').slice(0, -1)
    }
    expect(await read(100)).toEqual(lines.slice(0, 100))
    expect(await read(200)).toEqual(lines.slice(100))
  })

  test('members share the partitions; a killed one is taken over from', async () => {
    const name = unique('shared')
    await using client = new Client(broker.url)
    await client.admin.createTopic(name, { partitions: 4 })
    const member = async () => {
      const process = await kcat().start([
        ...['-b', broker.bootstrap, '-u', '-f', '%p:%s\n', '-X', 'session.timeout.ms=1000'],
        ...['-X', 'heartbeat.interval.ms=100', '-X', 'auto.commit.interval.ms=50'],
        ...['-X', 'auto.offset.reset=earliest', '-G', name, name],
      ])
      let output = ''
      process.child.stdout.on('data', (chunk: Buffer) => {
        output += chunk
      })
      return { ...process, lines: () => output.split('\n').slice(0, -1) }
    }
    const members = [await member(), await member()] as const
    const sharing = async () => {
      const { members } = await client.admin.describeGroup(name)
      return members.map(({ partitions }) => partitions.length)
    }
    try {
      await expect.poll(sharing, { timeout: 20_000 }).toEqual([2, 2])
      const producer = client.producer(topic(name, { value: string }))
      const send = (what: string) =>
        Promise.all([0, 1, 2, 3].map((partition) => producer.send(`${what}`, { partition })))
      await send('first')
      const read = () => members.flatMap((one) => one.lines()).sort()
      await expect.poll(read, { timeout: 20_000 }).toEqual([0, 1, 2, 3].map((p) => `${p}:first`))
      const dead = members[1]
      expect(dead.lines()).toHaveLength(2)
      dead.child.kill('SIGKILL')
      await dead.ended
      await send('second')
      await vi.waitFor(
        () => {
          const survivor = members[0].lines()
          for (const p of [0, 1, 2, 3]) expect(survivor).toContain(`${p}:second`)
        },
        { timeout: 20_000 },
      )
    } finally {
      for (const { child } of members) child.kill('SIGKILL')
      await Promise.all(members.map(({ ended }) => ended))
    }
  })
})
