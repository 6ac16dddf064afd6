/** What a broker needs of the machine that a data folder is on: a disk that syncs, room, files, a clock. */
import {
  closeSync,
  fdatasyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Runtime } from '../../core/runtime.ts'
import { version } from '../../core/version.ts'
import { formatBytes, formatDuration } from '../shell/numbers.ts'
import { type Check, diskCheck, ok, problem, warning } from './check.ts'

/** Writes that are synced, to see how long that takes. */
const syncs = 32
const writtenBytes = 4096
/** A commit waits for a sync: with more there are fewer than fifty a second for one caller. */
const slowSyncMs = 20
/** What a broker with a few hundred partitions, and clients, can do with. */
const openFilesMin = 4096
/** Clocks of file systems are not exact. */
const aheadMs = 60_000
/** The first day on which this could run. */
const notBefore = Date.UTC(2025, 0, 1)
const tmpfs = 0x01021994
const oldestNode = [20, 19]

export function machineChecks(folder: string, runtime: Runtime): Check[] {
  return [
    syncCheck(folder, runtime),
    roomCheck(folder),
    openFilesCheck(),
    clockCheck(folder, runtime),
    versionCheck(),
  ]
}

function syncCheck(folder: string, runtime: Runtime): Check {
  const name = 'sync'
  let times: number[]
  try {
    times = measureSyncs(join(folder, `.doctor-${process.pid}`), runtime)
  } catch (error) {
    return problem(
      name,
      `nothing can be written to ${folder}: ${(error as Error).message}`,
      'A broker needs a writable disk: free space, or check permissions and mount options',
    )
  }
  const median = times[Math.floor(times.length / 2)]!
  const told = `fdatasync takes ${ms(median)}, ${ms(times.at(-1)!)} at most (${times.length} times)`
  if (statfsSync(folder).type === tmpfs)
    return warning(
      name,
      `${told}; the folder is on tmpfs`,
      'Its data is lost when the machine restarts: use a folder on a disk',
    )
  if (median > slowSyncMs)
    return warning(
      name,
      told,
      `Each acknowledgement with acks=all waits for it: one caller gets ${Math.floor(1000 / median)} per second. Send more concurrently, or use a faster disk`,
    )
  return ok(name, told)
}

/** Sorted milliseconds. */
function measureSyncs(path: string, runtime: Runtime): number[] {
  const file = openSync(path, 'w')
  try {
    const block = new Uint8Array(writtenBytes)
    const times: number[] = []
    for (let i = 0; i < syncs; i++) {
      writeSync(file, block)
      const before = runtime.monotonicNow()
      fdatasyncSync(file)
      times.push(runtime.monotonicNow() - before)
    }
    return times.sort((a, b) => a - b)
  } finally {
    closeSync(file)
    rmSync(path, { force: true })
  }
}

function ms(time: number): string {
  return `${time.toFixed(time < 10 ? 2 : 0)} ms`
}

function roomCheck(folder: string): Check {
  const { bavail, blocks, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const told = `${formatBytes(free)} are free of ${formatBytes(blocks * bsize)}`
  return diskCheck(told, free)
}

function openFilesCheck(): Check {
  const name = 'files'
  let limits: string
  try {
    limits = readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return ok(name, 'the limit on open files is unknown on this system')
  }
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? []
  const told = `${soft ?? 'an unknown number of'} files may be open`
  return soft !== undefined && Number(soft) < openFilesMin
    ? warning(
        name,
        told,
        `Raise it (ulimit -n ${openFilesMin * 16}, LimitNOFILE in systemd): a low limit slows the broker down`,
      )
    : ok(name, told)
}

function clockCheck(folder: string, runtime: Runtime): Check {
  const name = 'clock'
  const now = runtime.now()
  const told = `it is ${new Date(now).toISOString()}`
  const remedy = 'Set the clock (NTP): retention and timestamps depend on it'
  if (now < notBefore) return problem(name, told, remedy)
  const newest = Math.max(
    ...readdirSync(folder).map(
      (one) => statSync(join(folder, one), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    ),
  )
  return newest > now + aheadMs
    ? warning(
        name,
        `${told}; something in the folder was written ${formatDuration(newest - now)} later than that`,
        remedy,
      )
    : ok(name, told)
}

function versionCheck(): Check {
  const name = 'version'
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const told = `kafka-do ${version} on Node.js ${process.versions.node}`
  const isOld = major < oldestNode[0]! || (major === oldestNode[0] && minor < oldestNode[1]!)
  return isOld
    ? problem(name, told, `It needs Node.js ${oldestNode.join('.')} or later`)
    : ok(name, told)
}
