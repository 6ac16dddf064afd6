/**
 * Many clients that do not read what they asked for, and as many that do not finish what they began, at a `kafka-do serve`
 * in a process of its own: its memory stays within its budget, and a client beside them gets everything done.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { bytes, Client, topic } from '../../src/index.ts'
import { amount } from '../amount.ts'

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const mebibyte = 1024 * 1024
const budgetBytes = amount(64, 256) * mebibyte
const readers = amount(40, 200)
const senders = amount(40, 200)
const produces = amount(200, 2000)
/** Announced by a sender: with half of the budget two of them have place. */
const senderBytes = Math.floor(budgetBytes / 5)
/** Garbage that is not collected yet, and what was read of each socket before it was paused. */
const slackBytes = 32 * mebibyte

const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

function run(...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stderr!.resume()
  running.push(child)
  return child
}

/** Resolves with what it says that is so. */
function said(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk
      const found = pattern.exec(text)
      if (found) resolve(found[0])
    })
    child.once('exit', () => reject(new Error(`it ended and had said: ${text}`)))
  })
}

function memoryBytes(child: ChildProcess, what: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
}

// Resident memory is read as Linux tells it.
test.skipIf(!existsSync('/proc/self/status'))(
  `${readers} readers that do not read and ${senders} senders that do not finish`,
  async () => {
    const server = run(
      fileOf('../../dist/cli/main.js'),
      ...['serve', '--data', 'memory:', '--port', '0'],
      ...['--queued-max-request-bytes', String(budgetBytes)],
    )
    const url = await said(server, /kafka:\/\/\S+/)
    await using kafka = new Client(url)
    const large = topic('large', { value: bytes })
    const payload = new Uint8Array(900_000).fill(7)
    for (let n = 0; n < 24; n++) await kafka.produce(large, payload)
    await using producer = kafka.producer('small')
    const produce = async (count: number) => {
      for (let n = 0; n < count; n++) await producer.send({ n })
    }
    await produce(produces)
    const before = memoryBytes(server, 'VmRSS')

    const bad = run(
      fileOf('./bad-clients.js'),
      ...[new URL(url).port, readers, senders, 'large', senderBytes].map(String),
    )
    const begun = said(bad, /ready/)
    let isBegun = false
    void begun.then(() => {
      isBegun = true
    })
    let produced = 0
    for (; !isBegun; produced++) await produce(1)
    await begun
    await produce(produces)
    // A reader beside them, too.
    const records = await kafka.consumer(large).take(24).toArray()
    expect(records).toHaveLength(24)
    const small = await kafka.admin.describeTopic('small')
    expect(Number(small.offsets[0]!.latest)).toBe(2 * produces + produced)

    const grown = memoryBytes(server, 'VmHWM') - before
    console.log(
      `${Math.round(grown / mebibyte)} MiB more than before, with a budget of ${budgetBytes / mebibyte} MiB`,
    )
    expect(grown).toBeLessThan(budgetBytes + slackBytes)
  },
)
