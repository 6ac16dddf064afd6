/**
 * Who holds a data folder, as its lock file says, and whether that thread of that process still lives.
 *
 * A process is known by its id, the boot of the machine and its start time, so a reused process id deceives nobody. One on
 * another host, or in another container of this host, cannot be judged from here and counts as alive. A container that
 * is started again keeps its host name and gets a new process namespace: its former self counts as dead.
 *
 * A worker thread that was terminated has released nothing, while its process lives on. Where the system tells of threads (Linux), it is
 * known by the id and start time of its own; elsewhere it counts as alive for as long as its process does.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

export interface LockHolder {
  readonly version: 1
  /** Unique among all locks ever made. */
  readonly token: string
  readonly pid: number
  readonly host: string
  /** Empty where the system does not tell, as the two below. */
  readonly bootId: string
  readonly processNamespace: string
  /** In clock ticks since boot. */
  readonly startedAt: string
  /** The system's id of the thread, and its start; empty where the system does not tell. */
  readonly thread: string
  readonly threadStartedAt: string
  /** When the lock was made, ISO 8601. For people. */
  readonly since: string
}

/** Number of the process namespace that is not a container's, fixed in the Linux kernel. */
const hostNamespace = 'pid:[4026531836]'

export function currentHolder(): LockHolder {
  const { pid } = process
  const thread = currentThread()
  return {
    version: 1,
    token: randomUUID(),
    pid,
    host: hostname(),
    bootId: bootId(),
    processNamespace: processNamespace(),
    startedAt: startOf(`${pid}`),
    thread,
    threadStartedAt: thread && startOf(`${pid}/task/${thread}`),
    since: new Date().toISOString(),
  }
}

/** Undefined when the text is damaged. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const found = JSON.parse(text) as Partial<LockHolder> | null
    const isSound =
      Number.isSafeInteger(found?.pid) &&
      typeof found?.host === 'string' &&
      // It becomes part of a file name.
      /^[\w-]{1,100}$/.test(String(found.token))
    return isSound ? (found as LockHolder) : undefined
  } catch {
    return undefined
  }
}

export function isAlive(holder: LockHolder): boolean {
  if (holder.host !== hostname()) return true
  if (holder.bootId !== bootId()) return false
  if (isInOtherContainer(holder))
    // Containers may share the name of their host; then they cannot see each other's processes.
    return [holder.processNamespace, processNamespace()].includes(hostNamespace)
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it is there and belongs to another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  // A killed process stays in the table until its parent takes note.
  if (stateOf(holder.pid) === 'Z') return false
  const startedAt = startOf(`${holder.pid}`)
  if (holder.startedAt && startedAt && holder.startedAt !== startedAt) return false
  return !startedAt || !isThreadGone(holder)
}

/** For an error message: who it is, and which file to remove where nobody can be certain. */
export function describeHolder(holder: LockHolder | undefined, path: string): string {
  if (!holder) return `a process that is just starting. If there is none, remove ${path}`
  const { pid, since } = holder
  const ifGone = `If that process is gone for certain, remove ${path}`
  if (holder.host !== hostname())
    return `process ${pid} on host '${holder.host}' since ${since}. ${ifGone}`
  if (isInOtherContainer(holder))
    return `process ${pid} of another container on this host since ${since}. ${ifGone}`
  if (pid === process.pid) return `another broker of this process (${pid}) since ${since}`
  return `process ${pid} since ${since}${holder.startedAt ? '' : `. ${ifGone}`}`
}

/** Locks of versions before this one name no thread. */
function isThreadGone({ pid, thread, threadStartedAt }: LockHolder): boolean {
  return !!thread && !!threadStartedAt && startOf(`${pid}/task/${thread}`) !== threadStartedAt
}

function isInOtherContainer(holder: LockHolder): boolean {
  const here = processNamespace()
  return !!here && !!holder.processNamespace && holder.processNamespace !== here
}

function bootId(): string {
  return readOr('/proc/sys/kernel/random/boot_id')
}

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

/** The system's id of the thread that asks. */
function currentThread(): string {
  try {
    return /\d+$/.exec(readlinkSync('/proc/thread-self'))?.[0] ?? ''
  } catch {
    return ''
  }
}

/** Start time of a process (`PID`) or a thread (`PID/task/ID`): field 22 of its stat in /proc. */
function startOf(what: string): string {
  return statOf(what)[19] ?? ''
}

/** `Z` for a process that has ended but whose parent has not taken note yet. */
function stateOf(pid: number): string {
  return statOf(`${pid}`)[0] ?? ''
}

/** The fields of a stat in /proc from the third on; the name before them is in brackets and may hold anything. */
function statOf(what: string): string[] {
  const stat = readOr(`/proc/${what}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
