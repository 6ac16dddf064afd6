/** The disks of a cluster, for those who may see them. */
import type { NodeDisk } from '../../client/admin/disks.ts'
import type { Admin } from '../../client/admin.ts'
import { KafkaError, UnauthorizedError } from '../../core/errors.ts'
import { formatBytes } from '../shell/numbers.ts'

/** Undefined: who asks may not know, or the cluster cannot tell. */
export async function knownDisks(admin: Admin): Promise<readonly NodeDisk[] | undefined> {
  return admin.describeDisks().catch((error: unknown) => {
    const isUnknown = error instanceof KafkaError && error.code === 'UNSUPPORTED_VERSION'
    if (error instanceof UnauthorizedError || isUnknown) return undefined
    throw error
  })
}

/** What a partition takes, copies counted, by partition; undefined: not to be known. */
export function bytesOf(
  disks: readonly NodeDisk[] | undefined,
  topic: string,
): ReadonlyMap<number, bigint> | undefined {
  if (!disks) return undefined
  const bytes = new Map<number, bigint>()
  for (const one of disks.flatMap(({ partitions }) => partitions)) {
    if (one.topic === topic) bytes.set(one.partition, (bytes.get(one.partition) ?? 0n) + one.bytes)
  }
  return bytes
}

/** `78.1 GiB of 252.0 GiB are free` */
export function roomText({ totalBytes, freeBytes }: NodeDisk): string | undefined {
  if (freeBytes === undefined) return undefined
  const of = totalBytes === undefined ? '' : ` of ${formatBytes(Number(totalBytes))}`
  return `${formatBytes(Number(freeBytes))}${of} are free`
}
