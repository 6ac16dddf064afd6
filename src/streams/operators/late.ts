/** What becomes of records that come when their windows are closed. */
import type { Serializer } from '../../client/serializer.ts'
import type { OperatorScope } from '../operator.ts'
import type { StreamRecord } from '../stream-record.ts'
import { emitter } from '../task/emitter.ts'

/** A topic for late records, and how they are written. */
export interface LateTopic {
  readonly topic: string
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
}

/** Counts a late record, and sends it, as it is, to the topic for such records if there is one. */
export function lateRecords(
  { dropped, emit }: OperatorScope,
  to: LateTopic | undefined,
): (record: StreamRecord) => void {
  if (to === undefined) return (record) => dropped('late', record)
  const write = emitter(emit, { ...to, operatorOf: (topic) => `late: '${topic}'` })
  return (record) => {
    dropped('late', record)
    write(record)
  }
}
