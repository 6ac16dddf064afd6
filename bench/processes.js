/** What a process has taken so far, as Linux counts it. Elsewhere it is not known: NaN. */
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = 100

/** Processor time, seconds, of all its threads. @param {number | undefined} pid */
export function cpuSeconds(pid) {
  const { user, system } = cpuTimes(pid)
  return user + system
}

/** The same by where it was spent; see proc(5), fields 14 and 15. @param {number | undefined} pid */
export function cpuTimes(pid) {
  if (process.platform !== 'linux') return { user: Number.NaN, system: Number.NaN }
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return { user: Number(fields[11]) / ticksPerSecond, system: Number(fields[12]) / ticksPerSecond }
}

/** Files and sockets that it has open. @param {number | undefined} pid */
export function openFiles(pid) {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/fd`).length : Number.NaN
}

/**
 * The same to the nanosecond, where `cpuSeconds` counts hundredths of a second: of a process whose threads live as long as
 * it does, as those of Node do.
 * @param {number | undefined} pid
 */
export function exactCpuSeconds(pid) {
  const { main, others } = threadSeconds(pid)
  return main + others
}

/** That of its main thread, and of all its others. @param {number | undefined} pid */
export function threadSeconds(pid) {
  const seconds = { main: Number.NaN, others: Number.NaN }
  if (process.platform !== 'linux') return seconds
  seconds.main = seconds.others = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
    seconds[thread === String(pid) ? 'main' : 'others'] += Number(nanoseconds) / 1e9
  }
  return seconds
}

/**
 * Resident memory, MiB: now, at its peak (`VmHWM`), or what no file stands for (`RssAnon`).
 * @param {number | undefined} pid
 * @param {'VmRSS' | 'VmHWM' | 'RssAnon'} what
 */
export function memoryMiB(pid, what = 'VmRSS') {
  if (process.platform !== 'linux') return Number.NaN
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
}
