/** `kafka-do serve` on real file systems of a few MiB, as its operator meets it: they fill up, are freed, fail. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Client, Offset } from '../../src/index.ts'
import { isLong } from '../amount.ts'
import { canFailDisks, type Kind, type Run, SmallDisk, whyNot } from './small-disk.ts'

const value = 'x'.repeat(200_000)
const mebibyte = 1024 * 1024
/** In `npm test` one of them, and the first trial; all in `npm run test:long`. */
const kinds: readonly Kind[] = isLong ? ['tmpfs', 'ext4'] : ['tmpfs']

let folder: string | undefined
let disk: SmallDisk | undefined
const clients: Client[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close().catch(() => undefined)
  await disk?.unmount()
  if (folder) rmSync(folder, { recursive: true, force: true })
  disk = undefined
  folder = undefined
})

async function mounted(kind: Kind): Promise<SmallDisk> {
  folder = mkdtempSync(join(tmpdir(), 'kafka-do-disk-'))
  disk = await SmallDisk.mount(folder, kind, 24)
  return disk
}

function serve(on: SmallDisk, reserve: number): Run {
  const args = ['serve', '--data', join(on.path, 'data'), '--port', '0']
  return on.run([...args, '--disk-reserve', String(reserve), '--segment-bytes', String(mebibyte)])
}

async function clientOf(run: Run): Promise<Client> {
  const client = new Client({ url: await run.url() })
  clients.push(client)
  return client
}

/** Produces until that is refused. Returns how many were stored, and why the next one was not. */
async function fill(kafka: Client, topic: string): Promise<{ stored: number; error: unknown }> {
  await using producer = kafka.producer<string>(topic, { retries: 0 })
  for (let stored = 0; ; stored++) {
    try {
      await producer.send(value)
    } catch (error) {
      return { stored, error }
    }
  }
}

async function countOf(kafka: Client, topic: string): Promise<number> {
  await kafka.produce(topic, 'end')
  let count = 0
  for await (const record of kafka.consumer<string>(topic, { offset: Offset.earliest })) {
    if (record.value === 'end') break
    count++
  }
  return count
}

for (const kind of kinds) {
  const reason = whyNot(kind)
  const run: typeof test = reason
    ? (((name: string, body: () => void) =>
        test.skip(`${name} (skipped: ${reason})`, body)) as typeof test)
    : test

  describe(`on a ${kind} that is full`, () => {
    run('a topic is deleted, and producing goes on; nothing acknowledged is lost', async () => {
      const on = await mounted(kind)
      const first = serve(on, 0)
      const kafka = await clientOf(first)
      await kafka.admin.createTopic('old', { partitions: 1 })
      await kafka.produce('orders', value)
      const { stored, error } = await fill(kafka, 'old')
      expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', outcome: 'failed' })
      expect(String(error)).toMatch(/disk is full.*delete topics/i)
      expect(stored).toBeGreaterThan(80)
      on.takeTheRest()
      await expect(kafka.produce('orders', value)).rejects.toMatchObject({ outcome: 'failed' })
      await kafka.admin.deleteTopic('old')
      await first.logged(/the disk has space again/)
      await kafka.produce('orders', value)
      expect(await countOf(kafka, 'orders')).toBe(2)
      expect(first.lines(/disk/)).toHaveLength(2)
      first.child.kill('SIGTERM')
      expect(await first.ended).toBe(0)
    })

    if (!isLong) return
    run('a killed broker starts again, and records can be deleted', async () => {
      const on = await mounted(kind)
      const first = serve(on, 0)
      const { stored } = await fill(await clientOf(first), 'orders')
      on.takeTheRest()
      first.child.kill('SIGKILL')
      await first.ended
      on.takeTheRest()
      const second = serve(on, 0)
      const kafka = await clientOf(second)
      const offsets = await kafka.admin.deleteRecords('orders', { 0: BigInt(stored - 5) })
      expect(Object.values(offsets)).toEqual([BigInt(stored - 5)])
      await second.logged(/the disk has space again/)
      expect(await countOf(kafka, 'orders')).toBe(5)
      second.child.kill('SIGTERM')
      expect(await second.ended).toBe(0)
    })
  })

  if (!isLong) continue
  run(`diskReserve refuses writes early on a ${kind}; commits and deletions go on`, async () => {
    const on = await mounted(kind)
    const server = serve(on, 8 * mebibyte)
    const kafka = await clientOf(server)
    const { stored, error } = await fill(kafka, 'old')
    expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', outcome: 'failed' })
    expect(String(error)).toMatch(/less free space than diskReserve/)
    const consumer = kafka.consumer('old', { group: 'g', offset: Offset.earliest })
    expect(await consumer.take(stored).toArray()).toHaveLength(stored)
    await consumer.close()
    expect(server.lines(/offsets/)).toEqual([])
    await kafka.admin.deleteTopic('old')
    await server.logged(/the disk has space again/)
    await kafka.produce('orders', value)
    expect(server.lines(/disk/)).toHaveLength(2)
  })
}

if (isLong) {
  const whyNoFailure = whyNot('ext4') ?? (canFailDisks ? undefined : 'may not make an ext4 fail')
  const testOnFailure: typeof test = whyNoFailure
    ? (((name: string, body: () => void) =>
        test.skip(`${name} (skipped: ${whyNoFailure})`, body)) as typeof test)
    : test

  testOnFailure(
    'an ext4 that has become read-only is named, once; SIGTERM ends in a line',
    async () => {
      const on = await mounted('ext4')
      const server = serve(on, 0)
      const kafka = await clientOf(server)
      for (const topic of ['a', 'b', 'c']) await kafka.produce(topic, value)
      on.makeReadOnly()
      for (const topic of ['a', 'b', 'c']) await refused(kafka, topic)
      await expect(kafka.produce('a', value)).rejects.toThrow(/read-only/)
      expect(server.lines()).toEqual([expect.stringContaining('The disk is read-only')])
      server.child.kill('SIGTERM')
      expect(await server.ended).toBe(1)
      expect(server.lines()).toHaveLength(2)
      expect(server.lines()[1]).toMatch(/^kafka-do: .*read-only/)
    },
  )
}

async function refused(kafka: Client, topic: string): Promise<void> {
  await using producer = kafka.producer<string>(topic, { retries: 0 })
  for (let i = 0; i < 20; i++)
    await expect(producer.send(value)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' })
}
