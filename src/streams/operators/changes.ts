/** Hands on several results of one record, in turn; waits only where it has to. */
import type { Receive } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'
import { eachInTurn } from '../task/in-turn.ts'

/** A record, and of a table the value before it. */
export type Change = readonly [record: StreamRecord, old: unknown]

export function forwardChanges(changes: readonly Change[], forward: Receive): void | Promise<void> {
  return eachInTurn(changes, ([record, old]) => forward(record, old))
}
