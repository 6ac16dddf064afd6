/** Real processes that may have few files open: more partitions than files, and sockets that take what is left. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { amount } from '../amount.ts'

const manyPartitions = fileURLToPath(new URL('../../bench/many-partitions.js', import.meta.url))
const server = fileURLToPath(new URL('served-with-few-files.js', import.meta.url))
const partitions = amount(150, 10_000)
const openFiles = amount(64, 1024)

const atEnd: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end()
})

/** With `ulimit -n`, which holds for this process only. */
function spawnLimited(limit: number, program: string, ...args: string[]): ChildProcess {
  const script = `ulimit -n ${limit}; exec "$0" "$@"`
  return spawn('bash', ['--norc', '-c', script, process.execPath, program, ...args])
}

describe.runIf(process.platform === 'linux')('a process with few files to open', () => {
  test('creates, fills, stops, starts and reads more partitions than it has files', async () => {
    const child = spawnLimited(openFiles, manyPartitions, String(partitions))
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream!.on('data', (chunk: Buffer) => {
        output += chunk
      })
    const code = await new Promise((resolve) => child.on('close', resolve))
    console.log(output)
    expect(code, output).toBe(0)
    expect(output).toMatch(/stop, nothing new/)
  })

  test('goes on with open files when sockets have taken the rest, says so once, and stops cleanly', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-do-files-'))
    atEnd.push(() => rm(folder, { recursive: true, force: true }))
    // Node reads all modules of a program at once: the package is in few, so these are enough to start.
    const child = spawnLimited(64, server, folder)
    atEnd.push(() => child.kill('SIGKILL'))
    const lines: { url?: string; message?: string; closed?: boolean }[] = []
    const reader = createInterface({ input: child.stdout! })
    const isClosed = new Promise((resolve) => child.on('close', resolve))
    const url = await new Promise<string>((resolve) =>
      reader.on('line', (line) => {
        lines.push(JSON.parse(line))
        if (lines.at(-1)!.url) resolve(lines.at(-1)!.url!)
      }),
    )
    const kafka = new Client(url)
    atEnd.push(() => kafka.close())
    const numbers = Array.from({ length: 60 }, (_, i) => i)
    await kafka.admin.createTopic('many', { partitions: numbers.length })
    const producer = kafka.producer('many')
    const consumer = kafka.consumer('many')[Symbol.asyncIterator]()
    const produce = () =>
      Promise.all(numbers.map((partition) => producer.send('value', { partition })))
    const consume = async () => {
      const seen = new Set<number>()
      for (const _ of numbers) seen.add((await consumer.next()).value!.partition)
      return seen.size
    }
    await produce()
    expect(await consume()).toBe(numbers.length)

    const sockets = await takeAllFiles(Number(new URL(url).port))
    atEnd.push(() => {
      for (const socket of sockets) socket.destroy()
    })
    for (let round = 0; round < 3; round++) {
      await produce()
      expect(await consume()).toBe(numbers.length)
    }

    await consumer.return?.()
    child.stdin!.end()
    expect(await isClosed).toBe(0)
    expect(lines.at(-1)).toEqual({ closed: true })
    expect(existsSync(join(folder, '.kafka_cleanshutdown'))).toBe(true)
    const said = lines.flatMap(({ message }) => message ?? [])
    expect(
      said.filter((message) =>
        message.includes('limit on open files, so new connections are closed'),
      ),
    ).toHaveLength(1)
    expect(said.find((message) => message.includes('ulimit -n'))).toBeDefined()
    expect(said.length).toBeLessThan(5)
  })
})

/** Connects until connections are closed as they come. */
async function takeAllFiles(port: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  let closed = 0
  while (closed < 10) {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    const isOver = new Promise<void>((resolve) => {
      socket.once('close', () => {
        closed++
        resolve()
      })
      socket.once('error', () => undefined)
    })
    const isOpen = new Promise<void>((resolve) => socket.once('connect', resolve))
    await Promise.race([isOver, isOpen])
    if (sockets.length > 60) await isOver
  }
  return sockets
}
