/** `kafka-do doctor` on a folder with a flipped bit, and at servers. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'
import { headersIn } from '../log/log-fixture.ts'
import { run } from './command-line.ts'

let scratch: string
let data: string

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'kafka-do-doctor-'))
  data = join(scratch, 'data')
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function doctor(...args: string[]) {
  const { code, stdout, stderr } = await run(['doctor', ...args])
  return { status: code, stdout, stderr }
}

const log = () => join(data, 'orders-0', `${'0'.repeat(20)}.log`)

async function valuesRead(count: number): Promise<unknown[]> {
  await using kafka = new Client(`file:${data}`)
  const records = await kafka.consumer('orders').take(count).toArray()
  return records.map(({ value }) => value)
}

describe('kafka-do doctor', () => {
  test('says how it is used', async () => {
    const { status, stdout } = await doctor('--help')
    expect(status).toBe(0)
    expect(stdout).toMatch(/--repair[\s\S]*--dry-run[\s\S]*Exit code: 0 done/)
  })

  test('refuses what is not a data folder, and makes none', async () => {
    const { status, stderr } = await doctor(join(scratch, 'nothing'))
    expect([status, stderr]).toEqual([4, expect.stringContaining('is not a data folder')])
    expect(readdirSync(scratch)).not.toContain('nothing')
  })

  test('finds a flipped bit, shows what a repair would do, and does it', async () => {
    {
      await using kafka = new Client(`file:${data}`)
      for (let i = 0; i < 6; i++) await kafka.produce('orders', i)
      // Nobody else may have the folder.
      expect(await doctor(data)).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/in use/),
      })
    }
    expect(await doctor(data)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`ok       data     Nothing is damaged in ${data}\n`),
    })

    const content = readFileSync(log())
    content[headersIn(content)[3]!.position + 23]! ^= 0x40
    writeFileSync(log(), content)
    const found = await doctor(data)
    expect(found.status).toBe(1)
    expect(found.stdout).toMatch(
      /orders-0\/0{20}\.log contains damaged data.*\n {2}lost {4}offset 3\n/,
    )
    expect(await doctor(data, '--repair', '--dry-run')).toMatchObject({ status: 1 })
    expect(readFileSync(log()).equals(content)).toBe(true)

    expect(await doctor(data, '--repair')).toMatchObject({ status: 0 })
    expect((await doctor(data)).status).toBe(0)
    expect(readFileSync(join(data, '.damaged', 'orders-0', `${'0'.repeat(20)}.log`))).toEqual(
      content,
    )
    expect(await valuesRead(5)).toEqual([0, 1, 2, 4, 5])
  })

  test('finds a damaged checkpoint of the cleaning, which costs nothing', async () => {
    for (const name of ['cleaner-offset-checkpoint', 'retention-clock-checkpoint']) {
      writeFileSync(join(data, name), 'xx')
      const found = await doctor(data)
      expect(found.status).toBe(1)
      expect(found.stdout).toContain(`${name} is damaged`)
      expect(await doctor(data, '--repair')).toMatchObject({ status: 0 })
      expect((await doctor(data)).status).toBe(0)
    }
  })
})

describe('kafka-do doctor of a machine', () => {
  test('tells how it stands with disk, files, clock and versions, as JSON too', async () => {
    const { status, stdout } = await doctor(data, '-o', 'json')
    expect(status).toBe(0)
    const { folder, findings, checks } = JSON.parse(stdout) as {
      folder: string
      findings: unknown[]
      checks: { name: string; status: string; message: string }[]
    }
    expect([folder, findings]).toEqual([data, []])
    expect(checks.map(({ name }) => name)).toEqual(['sync', 'disk', 'files', 'clock', 'version'])
    expect(checks[0]!.message).toMatch(
      /^fdatasync takes \d+(\.\d+)? ms, \d+(\.\d+)? ms at most \(32 times\)/,
    )
    expect(readdirSync(data).filter((name) => name.startsWith('.doctor'))).toEqual([])
  })
})

describe('kafka-do doctor of a cluster', () => {
  test('reaches it by the addresses that it tells', async () => {
    await using server = await createServer({ data: 'memory:', port: 0 })
    const { status, stdout } = await doctor('--url', server.url, '-o', 'tsv')
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^cluster\tok\tcluster \S+ answered in \d+ ms; it has 1 node\t\naddress\tok\tnode \d+ advertises 127\.0\.0\.1:\d+, which is reachable\t\n$/,
      ),
    ])
  })

  test('tells how much room its nodes have', async () => {
    await using server = await createServer({ data: join(scratch, 'roomy'), port: 0 })
    const { status, stdout } = await doctor('--url', server.url)
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(
        /\nok {7}disk {5}node 1: \d+\.\d \wiB of \d+\.\d \wiB are free in \S+roomy\n/,
      ),
    ])
  })

  test('says that an address leads nowhere, and what to do', async () => {
    await using server = await createServer({ data: 'memory:', port: 0, advertisedPort: 1 })
    const { status, stdout } = await doctor('--url', server.url)
    expect(status).toBe(1)
    expect(stdout).toMatch(/^problem {2}cluster {2}No connection to a broker at 127\.0\.0\.1:1: /)
    expect(stdout).toMatch(/--advertised-host/)
  })
})
