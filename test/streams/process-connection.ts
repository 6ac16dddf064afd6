/** A process's way to the broker: on it the process is killed, frozen and cut off. */
import type { Connection, ExchangeOptions } from '../../src/connection/connection.ts'
import type { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { DisconnectedError } from '../../src/core/errors.ts'
import { within } from '../../src/core/within.ts'
import type { Api } from '../../src/protocol/api.ts'
import { offsetCommit } from '../../src/protocol/messages/generated/offset-commit.ts'
import {
  createProduceResponse,
  createProduceResponsePartitionProduceResponse,
  type ProduceRequest,
} from '../../src/protocol/messages/generated/produce.ts'
import {
  createTxnOffsetCommitResponse,
  type TxnOffsetCommitRequest,
} from '../../src/protocol/messages/generated/txn-offset-commit.ts'
import type { Happening, SimulatedProcess, World } from './simulated-world.ts'

export class ProcessConnection implements Connection {
  readonly url: string
  readonly #world: World
  readonly #process: SimulatedProcess
  readonly #inner: EmbeddedConnection
  /** Until when requests of an API stay on their way. */
  readonly #holds = new Map<string, Promise<void>>()

  constructor(world: World, process: SimulatedProcess, inner: EmbeddedConnection) {
    this.url = inner.url
    this.#world = world
    this.#process = process
    this.#inner = inner
  }

  async exchange<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options: ExchangeOptions = {},
  ): Promise<R> {
    if (this.#process.isDead) return never()
    const what = this.#world.next(this.#process, api.name)
    if (what) this.#begin(what)
    const { frozen } = this.#process.runtime
    const held = this.#holds.get(api.name)
    if (frozen || held) {
      const waiting = Promise.all([frozen, held]).then(() => undefined)
      const { signal } = options
      await within(this.#process.runtime, waiting, { signal })
    }
    const answer = await this.#exchange(api, request, options, what)
    if (this.#process.runtime.frozen) await this.#process.runtime.frozen
    return this.#process.isDead ? never() : answer
  }

  releaseLane(): void {
    this.#inner.releaseLane()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  async #exchange<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options: ExchangeOptions,
    what: Happening | undefined,
  ): Promise<R> {
    switch (what?.type) {
      case 'kill':
        if (what.isCarriedOut) this.#send(api, request, options).catch(() => undefined)
        return never()
      case 'not sent':
        throw broken('failed')
      case 'answer lost':
        await this.#send(api, request, options)
        throw broken('unknown')
      case 'late':
        // Before `transaction.version` 2, nothing tells a request of the last transaction from one of the next.
        if (this.#world.options.isOldProtocol) {
          await this.#send(api, request, options)
          throw broken('unknown')
        }
        // A member that has a name is fenced by a request of its own that comes late: it cannot be told from another's.
        if (this.#world.options.isStatic && api.name === 'JoinGroup') throw broken('unknown')
        // It was under way when the connection broke, and comes after what is sent on the next one.
        void this.#world.later(what.forMs).then(() => {
          const { signal: _, ...rest } = options
          this.#send(api, request, rest).catch(() => undefined)
        })
        throw broken('unknown')
      case 'refuse': {
        const asked =
          typeof request === 'function'
            ? (request as (version: number) => Q)(api.maxVersion)
            : request
        return refusal(api.name, what.errorCode, asked) as R
      }
      default:
        return this.#process.isDead ? never() : this.#send(api, request, options)
    }
  }

  #send<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options: ExchangeOptions,
  ): Promise<R> {
    const { offsetsOutside, isOldProtocol } = this.#world.options
    if (isOldProtocol && api.name === 'ApiVersions') {
      const answer = this.#inner.exchange(api, request, options)
      return answer.then((given) => ({ ...given, finalizedFeatures: [] }))
    }
    if (!offsetsOutside || api.name !== 'TxnOffsetCommit') {
      return this.#inner.exchange(api, request, options)
    }
    return this.#commitOutside(request) as Promise<R>
  }

  /** The offsets of a TxnOffsetCommit, committed by themselves. */
  async #commitOutside(request: unknown): Promise<unknown> {
    const { groupId, generationId, memberId, topics } = (
      typeof request === 'function' ? request(5) : request
    ) as { groupId: string; generationId: number; memberId: string; topics: object[] }
    const answer = await this.#inner.exchange(
      offsetCommit,
      {
        groupId,
        generationIdOrMemberEpoch: generationId,
        memberId,
        groupInstanceId: null,
        retentionTimeMs: -1n,
        topics,
      } as never,
      { maxVersion: 8 },
    )
    return answer
  }

  #begin(what: Happening): void {
    if (what.type === 'freeze') this.#process.runtime.freeze(what.forMs)
    if (what.type !== 'hold') return
    const held = this.#world.later(what.forMs)
    for (const api of what.apis) {
      this.#holds.set(api, held)
      void held.then(() => {
        if (this.#holds.get(api) === held) this.#holds.delete(api)
      })
    }
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}

function broken(outcome: 'failed' | 'unknown'): DisconnectedError {
  return new DisconnectedError('the connection broke', {
    code: 'NETWORK_EXCEPTION',
    retriable: true,
    outcome,
  })
}

/** Of APIs with one error code at the top. */
export const refusable: readonly string[] = [
  'InitProducerId',
  'EndTxn',
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
]

const coordinatorRefusals = [14, 15, 16]

/** What brokers refuse with that a process must put up with, by API. */
export const allRefusals: ReadonlyMap<string, readonly number[]> = new Map([
  ['InitProducerId', [...coordinatorRefusals, 51]],
  // Fenced; of an older epoch; in a state in which it cannot end.
  ['EndTxn', [...coordinatorRefusals, 51, 47, 90]],
  ['JoinGroup', [...coordinatorRefusals, 25]],
  ['SyncGroup', [...coordinatorRefusals, 22, 25, 27]],
  ['Heartbeat', [...coordinatorRefusals, 22, 25, 27]],
  ['TxnOffsetCommit', [...coordinatorRefusals, 22, 25]],
  // Another leader; too few replicas; a disk that fails.
  ['Produce', [6, 19, 56]],
])

function refusal(api: string, errorCode: number, request: unknown): object {
  if (api === 'Produce') {
    const { topicData } = request as ProduceRequest
    return createProduceResponse({
      responses: topicData.map(({ name, topicId, partitionData }) => ({
        name,
        topicId,
        partitionResponses: partitionData.map(({ index }) =>
          createProduceResponsePartitionProduceResponse({ index, errorCode, baseOffset: -1n }),
        ),
      })),
    })
  }
  if (api === 'TxnOffsetCommit') {
    const { topics } = request as TxnOffsetCommitRequest
    return createTxnOffsetCommitResponse({
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    })
  }
  const common = { errorCode, throttleTimeMs: 0, unknownTaggedFields: undefined }
  switch (api) {
    case 'InitProducerId':
      return { ...common, producerId: -1n, producerEpoch: -1 }
    case 'EndTxn':
      return { ...common, producerId: -1n, producerEpoch: -1 }
    case 'JoinGroup':
      return {
        ...common,
        memberId: '',
        generationId: -1,
        leader: '',
        members: [],
        protocolName: '',
      }
    case 'SyncGroup':
      return { ...common, assignment: new Uint8Array(0) }
    default:
      return common
  }
}
