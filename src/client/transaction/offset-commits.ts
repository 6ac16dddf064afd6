/**
 * Commits of a group's offsets as part of a transaction (KIP-447): of the one in which they were asked for, or of none. One
 * that waits for its group, or is tried again, may outlive its transaction: in the next one it would count records as done
 * whose results were aborted, or put the group back to where it was before.
 */
import { abortReason } from '../../core/backoff.ts'
import { KafkaError, RebalanceInProgressError, TimeoutError } from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import { within } from '../../core/within.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createTxnOffsetCommitRequest,
  createTxnOffsetCommitRequestPartition,
  createTxnOffsetCommitRequestTopic,
  type TxnOffsetCommitResponse,
  txnOffsetCommit,
} from '../../protocol/messages/generated/txn-offset-commit.ts'
import type { CallOptions, Cluster } from '../cluster.ts'
import type { Committer, Membership } from '../consumer/partition-consumption.ts'
import type { ProducerIdentity } from '../producer/pending-batch.ts'

export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  /** Where the group goes on. */
  readonly offset: bigint
  /** What is kept beside it. Default: ''. */
  readonly metadata?: string
}

export interface OffsetCommit {
  readonly committer: Pick<Committer, 'groupId' | 'membership'>
  readonly offsets: readonly PartitionOffset[]
  /** Throws when this member may not commit them any more. Asked before each try. */
  readonly check: () => void
  /** Waits for the group as long as the transaction is open. Default: as long as a call may take. */
  readonly isPatient?: boolean
}

/** What the transaction's session does for it. */
export interface OffsetCommitsHost {
  readonly cluster: Cluster
  /** Who writes in the transaction under way. */
  producer(): ProducerIdentity & { readonly transactionalId: string }
  /** Makes the group's offsets part of the transaction. Resolves with the newest version to commit them with. */
  join(groupId: string, call: CallOptions): Promise<number | undefined>
  retrying<T>(
    what: string,
    options: CallOptions,
    attempt: (call: CallOptions & { timeoutMs: number }) => Promise<T>,
  ): Promise<T>
  /** What a refusal means for the producer. */
  judged(error: KafkaError): KafkaError
}

/** A commit, bound to the transaction that it was asked for in. */
interface Bound {
  readonly offsets: readonly PartitionOffset[]
  readonly producer: ReturnType<OffsetCommitsHost['producer']>
  /** Aborted once the transaction takes nothing more. */
  readonly sealed: AbortSignal
}

export class OffsetCommits {
  readonly #host: OffsetCommitsHost
  #seal = new AbortController()
  /** Requests without a response. */
  readonly #sent = new Set<Promise<unknown>>()

  constructor(host: OffsetCommitsHost) {
    this.#host = host
  }

  /** A transaction begins. */
  begin(): void {
    this.seal()
    this.#seal = new AbortController()
  }

  /** The transaction takes nothing more: commits that wait or would be tried again fail at once. */
  seal(): void {
    this.#seal.abort(over())
  }

  /** Resolves when no request is on its way. */
  async landed(): Promise<void> {
    while (this.#sent.size > 0) await Promise.allSettled(this.#sent)
  }

  /** In whatever generation the member is by then. */
  async commit({ committer, offsets, check, isPatient }: OffsetCommit): Promise<void> {
    const { cluster, retrying } = this.#host
    const { signal: sealed } = this.#seal
    const bound: Bound = { offsets, producer: this.#host.producer(), sealed }
    const { groupId } = committer
    const what = `add offsets of group '${groupId}' to the transaction`
    if (isPatient) await within(cluster.runtime, committer.membership(), { signal: sealed })
    await retrying(what, { retries: Infinity, signal: sealed }, async (call) => {
      const limits = { ...call, onTimeout: () => notInGroup(groupId) }
      const membership = await within(cluster.runtime, committer.membership(), limits)
      check()
      try {
        await this.#commitAs(membership, bound, call)
      } catch (error) {
        if (!(error instanceof RebalanceInProgressError)) throw error
        membership.generation.expire()
        // A member that the group does not know has lost its partitions. Else they are still its own.
        if (error.code === 'UNKNOWN_MEMBER_ID') throw error
        throw new KafkaError(error.message, { code: error.code, retriable: true, cause: error })
      }
    })
  }

  async #commitAs(membership: Membership, bound: Bound, call: CallOptions): Promise<void> {
    const { cluster, join, judged } = this.#host
    const { groupId } = membership
    const maxVersion = await join(groupId, call)
    const nodeId = await cluster.coordinator('group', groupId, call)
    const options = { ...call, nodeId, maxVersion }
    const response = await this.#send(toRequest(membership, bound), bound.sealed, options)
    for (const { name: topic, partitions } of response.topics) {
      for (const { errorCode, partitionIndex: partition } of partitions) {
        if (errorCode === 0) continue
        const error = errorFrom(errorCode, { group: groupId, topic, partition })
        if (movedCoordinator.has(error.code)) cluster.forgetCoordinator('group', groupId)
        throw judged(error)
      }
    }
  }

  /** The answer is of interest until the transaction is sealed, but what was sent is under way until it has one. */
  async #send(
    request: ReturnType<typeof toRequest>,
    sealed: AbortSignal,
    options: CallOptions & { nodeId: number; maxVersion: number | undefined },
  ): Promise<TxnOffsetCommitResponse> {
    const { cluster } = this.#host
    if (sealed.aborted) throw abortReason(sealed)
    const sent = cluster.exchange(txnOffsetCommit, request, { ...options, signal: undefined })
    this.#sent.add(sent)
    const landed = () => void this.#sent.delete(sent)
    sent.then(landed, landed)
    return within(cluster.runtime, sent, { signal: sealed })
  }
}

function toRequest({ groupId, generation }: Membership, { offsets, producer }: Bound) {
  const topics = [...groupBy(offsets, ({ topic }) => topic)].map(([name, ofTopic]) =>
    createTxnOffsetCommitRequestTopic({
      name,
      partitions: ofTopic.map(({ partition, offset, metadata }) =>
        createTxnOffsetCommitRequestPartition({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: metadata ?? '',
        }),
      ),
    }),
  )
  return (version: number) =>
    createTxnOffsetCommitRequest({
      ...producer,
      groupId,
      ...(version >= 3 && {
        generationId: generation.generationId,
        memberId: generation.memberId,
        groupInstanceId: generation.groupInstanceId,
      }),
      topics,
    })
}

export const movedCoordinator: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
])

/** Of what is added to a transaction that takes nothing more. */
export function over(): KafkaError {
  return new KafkaError(
    'The transaction is over, so nothing can be added to it. Await what belongs to it before its callback returns',
    { code: 'INVALID_TXN_STATE' },
  )
}

function notInGroup(groupId: string): TimeoutError {
  return new TimeoutError(
    `The consumer did not rejoin group '${groupId}' in time, so its offsets could not be committed; the records will be delivered again`,
    { code: 'REQUEST_TIMED_OUT' },
  )
}
