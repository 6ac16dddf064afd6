/** What the disk and the page cache do by themselves: the part of a cost that no broker can take away. */
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const sync = promisify(fdatasync)

/** The 99th percentile of one fdatasync of 4 KiB after the other, in milliseconds, at most `perSecond` of them. */
export async function syncP99Ms(perSecond: number, seconds: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-do-bench-disk-'))
  const file = openSync(join(folder, 'probe'), 'w')
  const block = new Uint8Array(4096)
  const took: number[] = []
  const begun = performance.now()
  while (performance.now() - begun < seconds * 1000) {
    const start = performance.now()
    writeSync(file, block)
    await sync(file)
    took.push(performance.now() - start)
    const dueMs = (took.length / perSecond) * 1000 - (performance.now() - begun)
    if (dueMs >= 1) await delay(dueMs)
  }
  closeSync(file)
  rmSync(folder, { recursive: true })
  return took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)]!
}

/**
 * Fills that much page cache and gives it back: in a virtual machine the first touch of a page is a fault on the host,
 * several seconds a gigabyte, and whoever writes the first file pays it. Call it before each of those who are compared.
 */
export function touchPageCache(megabytes: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-do-bench-memory-'))
  const file = openSync(join(folder, 'touched'), 'w')
  const block = new Uint8Array(1_000_000)
  for (let i = 0; i < megabytes; i++) writeSync(file, block)
  closeSync(file)
  rmSync(folder, { recursive: true })
}
