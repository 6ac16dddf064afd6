/** Processor time so far, seconds. */
export function cpuSeconds(pid: number | undefined): number
/** The same by where it was spent. */
export function cpuTimes(pid: number | undefined): { user: number; system: number }
/** Files and sockets that it has open. */
export function openFiles(pid: number | undefined): number
/** The same to the nanosecond, of a process whose threads live as long as it does. */
export function exactCpuSeconds(pid: number | undefined): number
/** Resident memory, MiB: now, at its peak, or what no file stands for. */
export function memoryMiB(pid: number | undefined, what?: 'VmRSS' | 'VmHWM' | 'RssAnon'): number
/** Processor time so far, seconds: of its main thread, and of all its others. */
export function threadSeconds(pid: number | undefined): { main: number; others: number }
