/** `kafka-do streams`, on a folder and on a server. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, Offset } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'
import { run } from './command-line.ts'

let scratch: string

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'kafka-do-streams-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

type Running = Awaited<ReturnType<ReturnType<Client['streams']>['start']>>

async function streams(...args: string[]) {
  const { code, stdout, stderr } = await run(['streams', ...args])
  return { status: code, stdout, stderr }
}

/** Orders by city, counted; `dir`: where its state is. */
async function startCounting(kafka: Client, dir?: string): Promise<Running> {
  const app = kafka.streams({ app: 'shop', ...(dir && { state: { dir } }) })
  app
    .stream<{ city: string }>('orders')
    .groupBy('by-city', ({ city }) => city)
    .count({ store: 'cities' })
    .to('counts')
  return app.start()
}

/** Runs until so many counts are there; gives the last ones, in the order they came. */
async function countsAfterRun(
  url: string,
  { total, last }: { total: number; last: number },
  dir?: string,
): Promise<unknown[]> {
  await using kafka = new Client(url)
  const running = await startCounting(kafka, dir)
  const counts = await kafka.consumer('counts').take(total).toArray()
  await running.close()
  return counts.slice(-last).map(({ key, value }) => `${key} ${value}`)
}

async function fill(url: string): Promise<void> {
  await using kafka = new Client(url)
  for (const city of ['Oslo', 'Rome', 'Oslo']) await kafka.produce('orders', { city })
}

const counted = ['Oslo 1', 'Rome 1', 'Oslo 2']
const ownTopics = ['shop-by-city-repartition', 'shop-cities-changelog']

describe('kafka-do streams', () => {
  test('says how it is used, and what it was given wrong', async () => {
    const help = await streams('reset', '--help')
    expect([help.status, help.stdout]).toEqual([0, expect.stringMatching(/--to[\s\S]*--execute/)])
    for (const args of [
      ['reset'],
      ['rest', 'shop'],
      ['reset', 'shop', '--to', 'yesterday'],
      ['reset', 'shop', '--nothing'],
      ['describe', 'shop', '-o', 'xml'],
    ]) {
      const { status, stderr } = await streams(...args)
      expect([args, status, stderr]).toEqual([args, 2, expect.stringMatching(/^kafka-do: /)])
    }
  })

  test('finds no application where there is none, and makes no folder', async () => {
    const folder = join(scratch, 'nothing')
    const absent = await streams('describe', 'shop', '--url', `file:${folder}`)
    expect([absent.status, existsSync(folder)]).toEqual([4, false])
    const url = `file:${join(scratch, 'empty')}`
    await fill(url)
    for (const command of ['describe', 'reset']) {
      const { status, stderr } = await streams(command, 'shop', '--url', url)
      expect([status, stderr]).toEqual([4, expect.stringContaining("no application 'shop'")])
    }
    expect(await streams('ls', '--url', url)).toMatchObject({
      status: 0,
      stderr: 'There are no applications with internal topics.\n',
    })
  })

  test('an application that was reset in a folder processes everything again, from nothing', async () => {
    const url = `file:${join(scratch, 'embedded')}`
    const dir = join(scratch, 'state')
    await fill(url)
    expect((await countsAfterRun(url, { total: 3, last: 3 }, dir)).sort()).toEqual(
      [...counted].sort(),
    )

    const before = await streams('describe', 'shop', '--url', url, '-o', 'json')
    expect(before.status).toBe(0)
    expect(JSON.parse(before.stdout)).toMatchObject({ app: 'shop', state: 'Empty', members: [] })

    const dry = await streams('reset', 'shop', '--url', url, '--state-dir', dir)
    expect([dry.status, dry.stderr]).toEqual([0, expect.stringContaining('Nothing was changed')])
    expect(dry.stdout).toContain(`remove  ${join(dir, 'shop')}`)
    const after = await streams('describe', 'shop', '--url', url, '-o', 'json')
    expect(after.stdout).toBe(before.stdout)
    expect(existsSync(join(dir, 'shop'))).toBe(true)

    const done = await streams('reset', 'shop', '--url', url, '--state-dir', dir, '--execute')
    expect([done.status, done.stderr]).toEqual([0, 'shop was reset.\n'])
    expect(done.stdout).toMatch(/delete {2}topic shop-cities-changelog[\s\S]*orders-0 to 0\n/)
    expect(existsSync(join(dir, 'shop'))).toBe(false)

    const again = await countsAfterRun(url, { total: 6, last: 3 }, dir)
    expect(again.sort()).toEqual([...counted].sort())
  })

  test('an application on a server is described, refused while it runs, and reset when it is closed', async () => {
    await using server = await createServer({ data: join(scratch, 'served'), port: 0 })
    const { url } = server
    await fill(url)
    {
      await using kafka = new Client(url)
      const running = await startCounting(kafka, join(scratch, 'state-2'))
      // What was sent can be read before its transaction, with the offsets in it, has ended.
      await kafka.consumer('counts', { isolation: 'read_committed' }).take(3).toArray()
      const described = async () => (await streams('describe', 'shop', '--url', url)).stdout
      await expect.poll(described, { timeout: 30_000 }).toMatch(/orders {2,}0 {2,}3 {2,}3 {2,}0\n/)

      const { status, stdout } = await streams('describe', 'shop', '--url', url)
      expect(status).toBe(0)
      expect(stdout).toMatch(/^application {2}shop\nstate {8}Stable\nmembers {6}1\nlag {10}\d+\n/)
      for (const topic of ownTopics) expect(stdout).toContain(topic)

      const refused = await streams('reset', 'shop', '--url', url, '--execute')
      expect([refused.status, refused.stderr]).toEqual([
        1,
        expect.stringMatching(/shop is running .*Close it everywhere first/),
      ])
      await running.close()
    }
    await using kafka = new Client(url)
    // Of another application, whose name begins alike.
    await kafka.admin.createTopic('shop-eu-x-changelog')
    await kafka.admin.createTopic('elsewhere')
    await kafka.admin.resetOffsets('shop-eu', 'elsewhere', Offset.earliest)
    const listed = await streams('ls', '--url', url, '-o', 'json')
    expect(JSON.parse(listed.stdout)).toEqual([
      expect.objectContaining({ app: 'shop', state: 'Empty', internalTopics: ownTopics }),
      expect.objectContaining({ app: 'shop-eu', internalTopics: ['shop-eu-x-changelog'] }),
    ])
    const done = await streams('reset', 'shop', '--url', url, '--execute', '-o', 'json')
    expect(done.status).toBe(0)
    expect(JSON.parse(done.stdout)).toMatchObject({
      executed: true,
      deleted: ownTopics,
      left: [{ topic: 'shop-eu-x-changelog', group: 'shop-eu' }],
      offsets: [{ topic: 'orders', partition: 0, before: 3, offset: 0 }],
    })
    const topics = (await kafka.admin.listTopics()).map(({ name }) => name)
    expect(topics).toEqual(['counts', 'elsewhere', 'orders', 'shop-eu-x-changelog'])
    const again = await countsAfterRun(url, { total: 6, last: 3 })
    expect(again.sort()).toEqual([...counted].sort())
  })

  test('an application that is to begin at the end, or at a time, does', async () => {
    const url = `file:${join(scratch, 'later')}`
    await fill(url)
    await countsAfterRun(url, { total: 3, last: 3 })
    const reset = async (to: string) => {
      const args = ['reset', 'shop', '--url', url, '--to', to, '--execute', '-o', 'json']
      return JSON.parse((await streams(...args)).stdout).offsets[0].offset
    }
    expect(await reset('latest')).toBe(3)
    expect(await reset('2001-01-01')).toBe(0)
    expect(await reset('2999-01-01T00:00:00Z')).toBe(3)
  })

  test('a folder of state that is in use is left alone, and nothing else is touched', async () => {
    const url = `file:${join(scratch, 'locked')}`
    const dir = join(scratch, 'state-3')
    await fill(url)
    await countsAfterRun(url, { total: 3, last: 3 })
    await using elsewhere = new Client('memory:')
    await elsewhere.admin.createTopic('orders')
    const running = await startCounting(elsewhere, dir)
    const args = ['reset', 'shop', '--url', url, '--state-dir', dir, '--execute']
    const refused = await streams(...args)
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('in use')])
    expect((await streams('describe', 'shop', '--url', url)).stdout).toContain(ownTopics[1])
    await running.close()
    expect((await streams(...args)).status).toBe(0)
  })
})
