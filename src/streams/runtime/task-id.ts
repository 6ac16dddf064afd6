/** How a task is called: as in Kafka Streams, `<sub-topology>_<partition>`. */
import type { TaskNumber } from './assignment-data.ts'

export function taskIdOf({ subTopology, partition }: TaskNumber): string {
  return `${subTopology}_${partition}`
}

/** Throws `TypeError` when it is not of this form. */
export function readTaskId(id: string): TaskNumber {
  const [, subTopology, partition] = /^(\d{1,9})_(\d{1,9})$/.exec(id) ?? []
  if (partition === undefined) {
    throw new TypeError(`A task is called '<sub-topology>_<partition>', such as '0_3'; got '${id}'`)
  }
  return { subTopology: Number(subTopology), partition: Number(partition) }
}
