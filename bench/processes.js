/** What a process has taken so far, as Linux counts it. Elsewhere it is not known: NaN. */
import { readFileSync } from 'node:fs'

const ticksPerSecond = 100

/** Processor time, seconds, of all its threads; see proc(5), fields 14 and 15. @param {number | undefined} pid */
export function cpuSeconds(pid) {
  if (process.platform !== 'linux') return Number.NaN
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Resident memory, MiB: now, or at its peak (`VmHWM`). @param {number | undefined} pid @param {'VmRSS' | 'VmHWM'} what */
export function memoryMiB(pid, what = 'VmRSS') {
  if (process.platform !== 'linux') return Number.NaN
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
}
