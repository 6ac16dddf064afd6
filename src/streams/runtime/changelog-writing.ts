/** What tasks have changed, to their changelogs, and after the commit to their files. */
import { noHeaders } from '../../client/consumer/record-headers.ts'
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import type { Topology } from '../topology/topology.ts'
import type { RunningTask } from './running-task.ts'
import type { Writer } from './writer.ts'

/** Of one task. Where it has files, what is stored tells how far they will be in the changelogs. */
export function writeChangelogs(
  topology: Topology,
  writer: Writer,
  { task, stored }: RunningTask,
): void {
  stored.clear()
  for (const store of task.stores.values()) {
    if (store.spec.changelog !== 'own') continue
    const topic = topology.changelogOf(store.spec)
    const { name } = store.spec
    const told = (offset: bigint) => {
      if (offset > (stored.get(name) ?? -1n)) stored.set(name, offset)
    }
    const { partition } = task
    const tellStored = task.files && told
    store.changes((key, value, timestampMs) => {
      writer.write(
        { topic, partition, key, value, timestampMs, headers: noHeaders, partitionKey: undefined },
        tellStored,
      )
    })
  }
}

/** What was committed goes to the files, with how far they are in the changelogs. */
export async function writeFiles(
  { task, stored }: RunningTask,
  offsets: readonly PartitionOffset[],
): Promise<void> {
  const { files } = task
  if (!files) return
  for (const { spec } of task.stores.values()) {
    const { name, changelog, source } = spec
    const last =
      changelog === 'own'
        ? (stored.get(name) ?? -1n) + 1n
        : (offsets.find((one) => one.topic === source && one.partition === task.partition)
            ?.offset ?? 0n)
    if (last > 0n) files.note(name, last)
  }
  await files.write()
}
