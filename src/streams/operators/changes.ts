/** Hands on several results of one record, in turn; waits only where it has to. */
import type { OperatorScope, Receive } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'
import { eachInTurn } from '../task/in-turn.ts'
import type { Readers } from '../task/read-record.ts'

/** A record, and of a table the value before it. */
export type Change = readonly [record: StreamRecord, old: unknown]

export function forwardChanges(changes: readonly Change[], forward: Receive): void | Promise<void> {
  return eachInTurn(changes, ([record, old]) => forward(record, old))
}

/** Hands on what is due now, each by itself: none is the fault of the record in hand. */
export function forwardDue(
  changes: readonly Change[],
  { apart, forward }: OperatorScope,
  written: Readers,
): void | Promise<void> {
  return eachInTurn(changes, ([record, old]) => apart(record, written, () => forward(record, old)))
}
