import { inspectBriefly } from '../../../core/duration.ts'
import { invalid } from '../../../core/options.ts'
import type { Assignor, GroupMemberSubscription } from './assignor.ts'
import { assignors } from './assignors.ts'
import { generationData } from './consumer-protocol.ts'

/** What the assignor wants its leader to know of this member. Throws a `ConfigError` when that is not bytes. */
export function userDataOf(
  assignor: Assignor,
  about: Pick<GroupMemberSubscription, 'topics' | 'ownedPartitions'>,
  generationId: number,
): Uint8Array | null {
  // Where Java's cooperative-sticky assignor looks for the generation.
  if (assignor === assignors['cooperative-sticky']) return generationData(generationId)
  const userData: unknown = assignor.userData?.(about) ?? null
  if (userData === null || userData instanceof Uint8Array) return userData
  throw invalid(
    `userData of assignor '${assignor.name}' must return bytes; got ${inspectBriefly(userData)}`,
  )
}
