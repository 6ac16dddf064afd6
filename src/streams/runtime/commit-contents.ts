/** What a commit says of a task. */
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import { encodeTimes } from './committed-times.ts'
import type { RunningTask } from './running-task.ts'

/** What a task has come to, with its stream times. */
export function offsetsOf(
  { task, inputs, processed }: RunningTask,
  shapes: ReadonlyMap<string, string>,
): PartitionOffset[] {
  const metadata = encodeTimes(task, shapes)
  // Of what it reads whole it keeps the places itself.
  const own = inputs.filter(({ isBroadcast }) => !isBroadcast)
  const moved = own.flatMap(({ topic, partition, next, committed }) =>
    next === undefined || next === committed ? [] : [{ topic, partition, offset: next, metadata }],
  )
  const isTimeMoved = [...task.times.values()].some(({ now, committed }) => now !== committed)
  if (moved.length > 0 || metadata === '' || (processed === 0 && !isTimeMoved)) return moved
  // Everything was handed over, or nothing came: the times are kept where nothing else has changed.
  const place = own.find(({ next }) => next !== undefined) ?? own.find((one) => one.isInternal)
  if (!place) return moved
  const { topic, partition, next } = place
  return [{ topic, partition, offset: next ?? 0n, metadata }]
}

/** Whether it can be seen by the group's offsets that a commit came about: not where only what is read whole has moved. */
export function hasMoved(
  tasks: readonly RunningTask[],
  offsets: readonly PartitionOffset[],
): boolean {
  return offsets.some(({ topic, partition, offset }) =>
    tasks.some(({ inputs }) =>
      inputs.some(
        (one) =>
          !one.isBroadcast &&
          one.topic === topic &&
          one.partition === partition &&
          one.committed !== offset,
      ),
    ),
  )
}
