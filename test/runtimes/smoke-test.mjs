/**
 * What every runtime must be able to do with the package, as plain JavaScript. Given a URL, it prints one line of JSON
 * per check: its name, and what went wrong if something did. It exits by nothing but having closed what it opened.
 */
import { Channel, Client, ConfigError, Message, Offset, topic } from 'kafka-do'
import { MockClient } from 'kafka-do/testing'

const url = process.argv[2]
const run = `${Date.now().toString(36)}-${Math.floor(Math.random() * 1e9).toString(36)}`
const kafka = new Client(url)

/** One check, whose failure does not keep the others from being made. */
async function check(name, body) {
  let error
  try {
    await body()
  } catch (caught) {
    error = caught instanceof Error ? (caught.stack ?? caught.message) : String(caught)
  }
  console.log(JSON.stringify({ check: name, ...(error === undefined ? {} : { error }) }))
}

function same(actual, expected) {
  const [a, b] = [actual, expected].map((value) => JSON.stringify(value))
  if (a !== b) throw new Error(`is ${a}, should be ${b}`)
}

async function values(name, count, options) {
  const records = await kafka.consumer(name, options).take(count).toArray()
  return records.map(({ value }) => value)
}

await check('produce and consume', async () => {
  const orders = topic(`orders-${run}`)
  const stored = await kafka.produce(orders, { n: 1 }, { key: 'a', headers: { h: 'x' } })
  same([stored.partition, String(stored.offset)], [0, '0'])
  await kafka.producer(orders).sendBatch([{ n: 2 }, new Message({ n: 3 }, { key: 'b' })])
  const records = await kafka.consumer(orders, { offset: Offset.earliest }).take(3).toArray()
  same(
    records.map(({ key, value, headers }) => [key, value.n, headers.h]),
    [
      ['a', 1, 'x'],
      [null, 2, undefined],
      ['b', 3, undefined],
    ],
  )
})

await check('consumer groups', async () => {
  const jobs = `jobs-${run}`
  const group = `workers-${run}`
  await kafka.admin.createTopic(jobs, { partitions: 3 })
  await kafka
    .producer(jobs)
    .sendBatch(Array.from({ length: 30 }, (_, n) => new Message(n, { key: `k${n}` })))
  const seen = []
  const stop = new AbortController()
  await kafka.consume(
    jobs,
    { group, concurrency: 4, ordering: 'key', signal: stop.signal },
    async (record) => {
      seen.push(record.value)
      await record.commit()
      if (seen.length === 30) stop.abort()
    },
  )
  same(
    seen.sort((a, b) => a - b),
    Array.from({ length: 30 }, (_, n) => n),
  )
  same(String((await kafka.admin.describeGroup(group)).totalLag), '0')
  await kafka.produce(jobs, 'next')
  same(await values(jobs, 1, { group }), ['next'])
})

await check('transactions', async () => {
  const [from, to] = [`from-${run}`, `to-${run}`]
  await kafka.producer(from).sendBatch([1, 2, 3])
  await kafka
    .transaction(to, async (tx) => {
      await tx.send('never')
      throw new Error('changed my mind')
    })
    .catch((error) => same(error.message, 'changed my mind'))
  const group = `payers-${run}`
  let count = 0
  for await (const record of kafka.consumer(from, { group, autoCommit: false })) {
    await kafka.transaction(to, async (tx) => {
      await tx.send(record.value * 10)
      await tx.commitOffsets(record)
    })
    if (++count === 3) break
  }
  same(await values(to, 3, { offset: Offset.earliest }), [10, 20, 30])
  same(String((await kafka.admin.describeGroup(group)).totalLag), '0')
})

await check('admin', async () => {
  const name = `admin-${run}`
  await kafka.admin.createTopic(name, { partitions: 2, retention: 3_600_000 })
  same((await kafka.admin.describeTopic(name)).partitions, 2)
  await kafka.admin.createPartitions(name, 4)
  same((await kafka.admin.describeTopic(name)).partitions, 4)
  same((await kafka.admin.listTopics()).map((each) => each.name).includes(name), true)
  await kafka.admin.deleteTopic(name)
  const error = await kafka.admin.describeTopic(name).catch((caught) => caught)
  same(error.name, 'TopicNotFoundError')
})

for (const compression of ['gzip', 'snappy', 'lz4', 'zstd']) {
  await check(compression, async () => {
    const name = `${compression}-${run}`
    const text = 'the same words, again and again, '.repeat(200)
    const sent = Array.from({ length: 50 }, (_, n) => `${n} ${text}`)
    await kafka.producer(name, { compression }).sendBatch(sent)
    same(await values(name, 50, { offset: Offset.earliest }), sent)
  })
}

await check('a wrong config is named', async () => {
  try {
    kafka.producer('orders', { compresion: 'gzip' })
  } catch (error) {
    same([error instanceof ConfigError, /compresion/.test(error.message)], [true, true])
    return
  }
  throw new Error('it was taken')
})

await check('Channel', async () => {
  const channel = new Channel(1)
  const received = []
  const receiving = (async () => {
    for await (const value of channel) received.push(value)
  })()
  for (const n of [1, 2, 3]) await channel.send(n)
  channel.close()
  await receiving
  same(received, [1, 2, 3])
})

await check('MockClient', async () => {
  const mock = new MockClient()
  await mock.seed('orders', [{ n: 1 }])
  mock.faults.fail('produce', 'NOT_LEADER_OR_FOLLOWER')
  await mock.produce('orders', { n: 2 })
  const before = mock.clock.now()
  await mock.clock.advance('1h')
  same(mock.clock.now() - before >= 3_600_000, true)
  same(
    (await mock.getMessages('orders')).map(({ value }) => value.n),
    [1, 2],
  )
  await mock.close()
})

await check('close', async () => {
  await kafka.produce(`last-${run}`, 'kept')
  await kafka.close()
  await kafka.close()
  const error = await kafka.produce('orders', 1).catch((caught) => caught)
  same(error.name, 'ClosedError')
  if (url === 'memory:') return
  const again = new Client(url)
  const [record] = await again
    .consumer(`last-${run}`, { offset: Offset.earliest })
    .take(1)
    .toArray()
  same(record.value, 'kept')
  await again.close()
})
