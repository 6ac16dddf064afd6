/** A group's member as a process of its own: it can be asked to leave, or be killed with no time for a word. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { ServedBroker } from './served-broker.ts'

export interface MemberProcess {
  /** Its partitions, as of the last rebalance that it took part in. */
  readonly assigned: readonly number[]
  /** Values of the records that it has handled and committed. */
  readonly values: readonly string[]
  /** Leaves the group in an orderly way, then ends. */
  leave(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

type Report = { readonly assigned: number[] } | { readonly value: string }

/** @param script A file beside this one, which says what it is told and what it tells. */
export function startMember(
  script: string,
  broker: ServedBroker,
  group: string,
  topic: string,
  ...more: readonly string[]
): MemberProcess {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = fork(path, [broker.bootstrap, group, topic, ...more], { execArgv: [] })
  const ended = once(child, 'exit')
  onTestFinished(() => end(child))
  let assigned: readonly number[] = []
  const values: string[] = []
  child.on('message', (report: Report) => {
    if ('assigned' in report) assigned = report.assigned
    else values.push(report.value)
  })
  return {
    get assigned() {
      return assigned
    },
    values,
    async leave() {
      child.send('leave')
      await ended
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function end(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
}
