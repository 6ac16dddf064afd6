/** Backups to real folders: of an embedded broker, of a server, over HTTP; restored, and everything that can go wrong. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { encodeManifest, type Manifest } from '../../src/backup/manifest.ts'
import { entriesOfFolder, entriesOfTar } from '../../src/backup/restore-sources.ts'
import { checkBackup, restoreTo } from '../../src/backup/restore-to.ts'
import { Client } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { createNodeFileSystem } from '../../src/storage/node-file-system.ts'

const scratch = mkdtempSync(join(tmpdir(), 'kafka-do-backup-'))
let number = 0
let data = ''
let to = ''
let restored = ''
beforeEach(() => {
  number++
  data = join(scratch, `data-${number}`)
  to = join(scratch, `backup-${number}`)
  restored = join(scratch, `restored-${number}`)
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const restore = (from = to, target = restored) =>
  restoreTo(target, entriesOfFolder(createNodeFileSystem(from)), { name: from })

async function valuesIn(folder: string, count: number, topic = 'orders'): Promise<unknown[]> {
  await using kafka = new Client(`file:${folder}`)
  return (await kafka.consumer(topic).take(count).toArray()).map(({ value }) => value)
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))

describe('an embedded broker', () => {
  test('is backed up while it works, and restored', async () => {
    await using kafka = new Client({ url: `file:${data}`, clientId: 'a' })
    for (let i = 0; i < 10; i++) await kafka.produce('orders', i)
    const first = kafka.consumer('orders', { group: 'billing' }).take(4)
    for await (const _ of first);
    const progress: number[] = []
    const result = await kafka.backup({ to, onProgress: ({ bytes }) => progress.push(bytes) })
    await kafka.produce('orders', 'later')
    expect(result.partitions).toBe(4)
    expect(result.copiedFiles).toBe(result.files)
    expect(progress.at(-1)).toBeGreaterThan(500)
    const found = await restore()
    expect(found).toMatchObject({ clusterId: result.clusterId, files: result.files, warnings: [] })
    expect(await valuesIn(restored, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    await using again = new Client(`file:${restored}`)
    const group = await again.admin.describeGroup('billing')
    expect(group.partitions.map(({ committed }) => committed)).toEqual([4n])
  })

  test('copies what has changed, and removes what is gone', async () => {
    await using kafka = new Client(`file:${data}`)
    const configs = { 'segment.bytes': '1024' }
    await kafka.admin.createTopic('orders', { configs })
    await kafka.admin.createTopic('gone', { configs })
    for (let i = 0; i < 40; i++) await kafka.produce('orders', `${i}`.padEnd(200))
    await kafka.produce('gone', 1)
    const first = await kafka.backup({ to })
    await kafka.admin.deleteTopic('gone')
    await kafka.produce('orders', 'more')
    const second = await kafka.backup({ to })
    expect(second.copiedFiles).toBeLessThan(first.copiedFiles / 2)
    expect(readdirSync(to)).not.toContain('gone-0')
    expect(readdirSync(to).filter((name) => name.includes('~'))).toEqual([])
    const third = await kafka.backup({ to })
    expect(third.copiedBytes).toBe(0)
    await restore()
    expect(await valuesIn(restored, 41)).toHaveLength(41)
  })

  test('may delete a topic while that is copied', async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 'x'.repeat(200_000))
    let deleted: Promise<void> | undefined
    const onProgress = () => {
      deleted ??= kafka.admin.deleteTopic('orders')
    }
    const running = kafka.backup({ to, maxBytesPerSecond: 400_000, onProgress })
    running.catch(() => undefined)
    await running
    await deleted
    expect(readdirSync(data).filter((name) => name.startsWith('orders'))).toEqual([])
    await restore()
    expect(await valuesIn(restored, 1)).toEqual(['x'.repeat(200_000)])
  })

  test('does not open a backup as if it were its data', async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 1)
    await kafka.backup({ to })
    await using wrong = new Client(`file:${to}`)
    await expect(wrong.produce('orders', 2)).rejects.toThrow(/is a backup, not a data folder/)
    await restore()
  })

  test('keeps it from others', async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 1)
    await kafka.backup({ to })
    const modeOf = (path: string) => statSync(join(to, path)).mode & 0o777
    expect([modeOf('.'), modeOf('orders-0'), modeOf('manifest.json')]).toEqual([
      0o700, 0o700, 0o600,
    ])
    await restore()
    expect(statSync(restored).mode & 0o777).toBe(0o700)
  })

  test('to a tar archive', async () => {
    await using kafka = new Client(`file:${data}`)
    const long = 'x'.repeat(230)
    await kafka.produce('orders', 1)
    await kafka.produce(long, 2)
    const result = await kafka.backup({ to: `${to}.tar` })
    expect(result.files).toBeGreaterThan(5)
    const tar = () => entriesOfTar(createReadStreamOf(`${to}.tar`))
    await restoreTo(restored, tar(), { name: 'tar' })
    expect(await valuesIn(restored, 1)).toEqual([1])
    expect(await valuesIn(restored, 1, long)).toEqual([2])
    truncateSync(`${to}.tar`, statSync(`${to}.tar`).size - 2000)
    await expect(checkBackup(tar(), { name: 'tar' })).rejects.toThrow(/ends in the middle/)
    writeFileSync(`${to}.tar`, new Uint8Array([0x1f, 0x8b, 8, 0]))
    await expect(checkBackup(tar(), { name: 'tar' })).rejects.toThrow(/gunzip -c FILE/)
  })

  test('is slowed down, and cancelled', async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 'x'.repeat(500_000))
    await kafka.backup({ to })
    const before = readFileSync(join(to, 'manifest.json'), 'utf8')
    await kafka.produce('orders', 'y'.repeat(500_000))
    const ending = new AbortController()
    const onProgress = () => ending.abort()
    await expect(
      kafka.backup({ to, maxBytesPerSecond: 10_000, signal: ending.signal, onProgress }),
    ).rejects.toThrow(/cancelled/)
    expect(readFileSync(join(to, 'manifest.json'), 'utf8')).toBe(before)
    await restore()
    expect(await valuesIn(restored, 1)).toEqual(['x'.repeat(500_000)])
  })
})

async function* createReadStreamOf(path: string): AsyncGenerator<Uint8Array> {
  const { createReadStream } = await import('node:fs')
  yield* createReadStream(path) as AsyncIterable<Uint8Array>
}

describe('tar', () => {
  const tar = (...args: string[]) =>
    execFileSync('tar', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })

  test('unpacks an archive to what a folder would hold', async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('y'.repeat(249), 1)
    await kafka.produce('orders', 'x'.repeat(300_000))
    await kafka.backup({ to: `${to}.tar` })
    mkdirSync(to)
    tar('-xf', `${to}.tar`, '-C', to)
    await restore()
    expect(await valuesIn(restored, 1, 'y'.repeat(249))).toEqual([1])
  })

  test.each(['gnu', 'pax', 'ustar'])(
    'makes one of a folder that is restored (%s)',
    async (format) => {
      await using kafka = new Client(`file:${data}`)
      await kafka.produce(format === 'ustar' ? 'short' : 'y'.repeat(249), 1)
      await kafka.produce('orders', 2)
      await kafka.backup({ to })
      tar('-C', to, `--format=${format}`, '-cf', `${to}.tar`, '.')
      await restoreTo(restored, entriesOfTar(createReadStreamOf(`${to}.tar`)), { name: 'tar' })
      expect(await valuesIn(restored, 1)).toEqual([2])
    },
  )
})

describe('a server', () => {
  const serve = (more = {}): Promise<Server> =>
    createServer({ data, port: 0, httpPort: 0, ...more })

  test('is backed up by itself and over HTTP, to one folder', async () => {
    await using server = await serve()
    await using kafka = new Client(server.httpUrl!)
    await kafka.produce('orders', 1)
    await server.backup({ to })
    await kafka.produce('orders', 2)
    const { files, copiedFiles } = await kafka.backup({ to })
    expect(copiedFiles).toBeLessThan(files)
    await restore()
    expect(await valuesIn(restored, 2)).toEqual([1, 2])
  })

  test('takes the right to alter the cluster, and writes it down', async () => {
    await using server = await serve({ access: 'keys' })
    const { key: weak } = await server.keys!.create({ name: 'reader', scopes: ['consume:*'] })
    const url = server.httpUrl!
    {
      await using kafka = new Client({ url, apiKey: weak })
      await expect(kafka.backup({ to })).rejects.toThrow(/'alter' on cluster/)
    }
    {
      await using kafka = new Client({ url, apiKey: 'kd_wrong' })
      await expect(kafka.backup({ to })).rejects.toThrow(/401/)
    }
    const { key } = server.firstKey!
    await using kafka = new Client({ url, apiKey: key })
    await kafka.produce('orders', 1)
    await kafka.backup({ to })
    expect(readdirSync(to)).not.toContain('admin-key')
    const seen: string[] = []
    for await (const { value } of kafka.consumer<{ action: string; allowed: boolean }>(
      '__kafka_do_audit',
    )) {
      if (value.action === 'Backup') seen.push(String(value.allowed))
      if (seen.length === 2) break
    }
    expect(seen).toEqual(['false', 'true'])
    await restore()
    await using again = await createServer({ data: restored, port: 0, httpPort: 0, access: 'keys' })
    await using client = new Client({ url: again.httpUrl!, apiKey: key })
    expect((await client.consumer('orders').take(1).toArray()).map(({ value }) => value)).toEqual([
      1,
    ])
  })

  test('refuses what is no manifest, and a rate of 0', async () => {
    await using server = await serve()
    const ask = (query: string, body: string) =>
      fetch(`${server.httpUrl}/v1/backup${query}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      })
    expect((await ask('', '{"files":[]}')).status).toBe(400)
    expect((await ask('', '{"format":99}')).status).toBe(400)
    expect((await ask('?maxBytesPerSecond=0', '')).status).toBe(400)
    expect((await ask('', '')).headers.get('content-type')).toBe('application/x-tar')
  })

  test('has nothing to back up where it is a gateway', async () => {
    await using behind = await serve()
    await using server = await createServer({ upstream: behind.url, httpPort: 0 })
    await expect(server.backup({ to })).rejects.toThrow(/upstream/)
    await using kafka = new Client(server.httpUrl!)
    await expect(kafka.backup({ to })).rejects.toThrow(/gateway/)
    await using direct = new Client(behind.url)
    await expect(direct.backup({ to })).rejects.toThrow(/HTTP port/)
  })

  test('that stops in the middle says so, and the backup before stays', async () => {
    const server = await serve()
    const kafka = new Client(server.httpUrl!)
    await kafka.produce('orders', 'x'.repeat(400_000))
    await kafka.backup({ to })
    const before = readFileSync(join(to, 'manifest.json'), 'utf8')
    await kafka.produce('orders', 'y'.repeat(400_000))
    let closing: Promise<void> | undefined
    const onProgress = () => {
      closing ??= server.close()
    }
    await expect(kafka.backup({ to, maxBytesPerSecond: 65_536, onProgress })).rejects.toThrow(
      /closing|cancelled|lost/,
    )
    await closing
    await kafka.close()
    expect(readFileSync(join(to, 'manifest.json'), 'utf8')).toBe(before)
    expect(readdirSync(join(to, 'orders-0')).filter((name) => name.includes('~'))).toEqual([])
  })

  test('that is gone in the middle is a lost connection', async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 'x'.repeat(300_000))
    await kafka.backup({ to: `${to}.tar` })
    const tar = readFileSync(`${to}.tar`)
    const dying = createHttpServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-tar' })
      response.write(tar.subarray(0, 200_000), () => response.destroy())
    })
    await new Promise<void>((resolve) => void dying.listen(0, '127.0.0.1', resolve))
    const { port } = dying.address() as AddressInfo
    await using remote = new Client(`http://127.0.0.1:${port}`)
    await expect(remote.backup({ to })).rejects.toThrow(/was lost/)
    await expect(restore()).rejects.toThrow(/never finished/)
    dying.close()
  })
})

describe('a place that cannot be', () => {
  test.each([
    ['the data folder', () => data, /is a data folder|is the data folder/],
    ['within the data folder', () => join(data, 'backup'), /inside the data folder/],
    ['with other things in it', () => scratch, /not empty, and no backup/],
    ['a file', () => join(data, 'meta.properties'), /./],
  ])('%s', async (_, place, message) => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 1)
    const before = readdirSync(data).sort()
    await expect(kafka.backup({ to: place() })).rejects.toThrow(message)
    expect(readdirSync(data).sort()).toEqual(before)
  })

  test('the backup of another cluster, unless it is to go', async () => {
    await using kafka = new Client(`file:${data}`)
    await using other = new Client(`file:${data}-other`)
    await kafka.produce('orders', 1)
    await other.produce('others', 2)
    await kafka.backup({ to })
    await expect(other.backup({ to })).rejects.toThrow(/is a backup of the cluster .*--force/)
    await restore()
    await other.backup({ to, force: true })
    await restore(to, `${restored}-2`)
    expect(await valuesIn(`${restored}-2`, 1, 'others')).toEqual([2])
    expect(readdirSync(to)).not.toContain('orders-0')
  })

  test('one that another backup is being written to', async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 'x'.repeat(100_000))
    const slow = new AbortController()
    let begun: () => void = () => undefined
    const first = new Promise<void>((resolve) => {
      begun = resolve
    })
    const options = { to, maxBytesPerSecond: 5000, signal: slow.signal, onProgress: () => begun() }
    const running = kafka.backup(options)
    running.catch(() => undefined)
    await first
    await expect(kafka.backup({ to })).rejects.toThrow(/Another backup is being written/)
    slow.abort()
    await expect(running).rejects.toThrow(/cancelled/)
    await kafka.backup({ to })
  })

  test.each([
    [{}, /BackupOptions.to/],
    [{ to: '' }, /BackupOptions.to/],
    [{ to: '/x', force: 1 }, /BackupOptions.force/],
    [{ to: '/x', maxBytesPerSecond: 0 }, /BackupOptions.maxBytesPerSecond/],
    [{ to: '/x', too: 1 }, /too/],
  ])('%j', async (options, message) => {
    await using kafka = new Client('memory:')
    await expect(kafka.backup(options as never)).rejects.toThrow(message)
  })
})

describe('a restore', () => {
  beforeEach(async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.admin.createTopic('orders', { configs: { 'segment.bytes': '1024' } })
    for (let i = 0; i < 20; i++) await kafka.produce('orders', `${i}`.padEnd(200))
    await kafka.backup({ to })
  })

  const log = `orders-0/${'0'.repeat(20)}.log`

  test('names all that is wrong, and leaves nothing', async () => {
    const bytes = readFileSync(join(to, log))
    bytes[100]! ^= 1
    writeFileSync(join(to, log), bytes)
    rmSync(join(to, 'meta.properties'))
    writeFileSync(join(to, 'orders-0', 'notes.txt'), 'mine')
    appendFileSync(join(to, log.replace('.log', '.index')), 'x')
    const error = await restore().catch((one: Error) => one.message)
    expect(error).toMatch(/000.log does not match its checksum/)
    expect(error).toMatch(/meta.properties is missing/)
    expect(error).toMatch(/notes.txt does not belong to it/)
    expect(error).toMatch(/000.index has \d+ bytes instead of \d+/)
    expect(existsSync(restored) || existsSync(`${restored}.restoring`)).toBe(false)
  })

  test('refuses a folder with something in it, and takes an empty one', async () => {
    mkdirSync(restored)
    writeFileSync(join(restored, 'x'), '')
    await expect(restore()).rejects.toThrow(/is there already, and not empty/)
    rmSync(join(restored, 'x'))
    await restore()
    expect(await valuesIn(restored, 20)).toHaveLength(20)
  })

  test('refuses a newer format, a damaged manifest, and what is no backup', async () => {
    const path = join(to, 'manifest.json')
    const manifest = manifestIn(to)
    writeFileSync(path, encodeManifest({ ...manifest, format: 2, kafkaDo: '9.0.0' }))
    await expect(restore()).rejects.toThrow(/has format 2, made by kafka-do 9.0.0/)
    writeFileSync(path, JSON.stringify(manifest).replace('orders', 'Orders'))
    await expect(restore()).rejects.toThrow(/its checksum does not match/)
    await expect(restore(data)).rejects.toThrow(/is not a backup.*looks like a data folder/)
  })

  test('looks at all of it without writing', async () => {
    const check = () => checkBackup(entriesOfFolder(createNodeFileSystem(to)), { name: to })
    expect((await check()).warnings).toEqual([])
    truncateSync(join(to, log), 10)
    await expect(check()).rejects.toThrow(/10 bytes instead of/)
  })

  test('of a log that was damaged before says so', async () => {
    const bytes = readFileSync(join(data, log))
    bytes[100]! ^= 1
    writeFileSync(join(data, log), bytes)
    {
      await using kafka = new Client(`file:${data}`)
      await kafka.produce('orders', 'more')
      const { warnings } = await kafka.backup({ to })
      expect(warnings).toEqual([expect.stringMatching(/000.log is damaged at byte 0/)])
    }
    const { warnings } = await restore()
    expect(warnings).toEqual([expect.stringMatching(/000.log is damaged at byte 0/)])
  })

  test('of a log that had lost a segment says so', async () => {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 'more')
    rmSync(join(data, log))
    const { warnings } = await kafka.backup({ to })
    expect(warnings).toEqual([expect.stringMatching(/^orders-0\S+\.log is gone$/)])
    const { warnings: again } = await restore()
    expect(again).toEqual(warnings)
  })

  test('gives no producer id out a second time', async () => {
    await restore()
    await using kafka = new Client(`file:${data}`)
    await using again = new Client(`file:${restored}`)
    await kafka.produce('fresh', 1)
    await again.produce('fresh', 1)
    expect(existsSync(join(restored, '.restored'))).toBe(false)
    const idIn = (folder: string) =>
      readFileSync(join(folder, log.replace('orders', 'fresh'))).readBigInt64BE(43)
    expect(idIn(restored) - idIn(data)).toBeGreaterThan(100_000n)
  })
})
