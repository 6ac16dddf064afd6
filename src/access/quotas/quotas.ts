/**
 * Quotas of callers (KIP-124, KIP-257, KIP-599): bytes of Produce and Fetch, requests, and changes of topics, by principal,
 * client id or both. What is most particular counts, in Kafka's order. One bucket for all listeners: whoever is too fast over
 * HTTP is so on the Kafka port.
 *
 * Differs from Apache Kafka: a fetch is answered with its records, and the silence comes after it; rates are held by token
 * buckets with a second's worth in advance; requests are counted (`request_rate`), their time is not (`request_percentage`).
 */
import type { BackendApi } from '../../backend/backend.ts'
import type { RequestContext } from '../../backend/request-context.ts'
import type { Session } from '../../backend/session.ts'
import type { Runtime } from '../../core/runtime.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
  createCreatePartitionsResponse,
  createCreatePartitionsResponseCreatePartitionsTopicResult,
  createPartitions,
} from '../../protocol/messages/generated/create-partitions.ts'
import {
  type CreateTopicsRequest,
  createCreateTopicsResponse,
  createCreateTopicsResponseCreatableTopicResult,
  createTopics,
} from '../../protocol/messages/generated/create-topics.ts'
import {
  createDeleteTopicsResponse,
  createDeleteTopicsResponseDeletableTopicResult,
  type DeleteTopicsRequest,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'
import { type FetchResponse, fetch } from '../../protocol/messages/generated/fetch.ts'
import { type ProduceRequest, produce } from '../../protocol/messages/generated/produce.ts'
import { saslAuthenticate } from '../../protocol/messages/generated/sasl-authenticate.ts'
import { saslHandshake } from '../../protocol/messages/generated/sasl-handshake.ts'
import { type QuotaEntity, type QuotaRecord, quotaName } from '../state/access-state.ts'
import { TokenBucket } from './token-bucket.ts'

/** What can be limited, each a second. */
export const quotaKeys = [
  'producer_byte_rate',
  'consumer_byte_rate',
  'controller_mutation_rate',
  'request_rate',
] as const
export type QuotaKey = (typeof quotaKeys)[number]

/** No silence is longer; a debt that is not paid by then makes the next. */
const silenceMaxMs = 30_000
/** Buckets beyond are those that nobody has used for longest. */
const bucketsMax = 20_000
const exceeded = errorCode('THROTTLING_QUOTA_EXCEEDED')
const tooFast = 'The throttling quota has been exceeded.'

/** From these versions on a quota of changes refuses, where it only slowed down before (KIP-599). */
const strictFrom: ReadonlyMap<number, number> = new Map([
  [createTopics.key, 6],
  [createPartitions.key, 3],
  [deleteTopics.key, 5],
])

const unlimited: ReadonlySet<number> = new Set([saslHandshake.key, saslAuthenticate.key])

export class Quotas {
  readonly #records: ReadonlyMap<string, QuotaRecord>
  readonly #runtime: Runtime
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(records: ReadonlyMap<string, QuotaRecord>, runtime: Runtime) {
    this.#records = records
    this.#runtime = runtime
  }

  /** Counts what was asked and answered; how long the caller is to be silent, milliseconds. */
  throttleMs(
    { api }: BackendApi,
    request: unknown,
    response: unknown,
    context: RequestContext,
  ): number {
    if (this.#records.size === 0 || isServers(context.session) || unlimited.has(api.key)) return 0
    const caller = callerOf(context)
    let waitMs = this.#take(caller, 'request_rate', 1)
    if (api.key === produce.key) {
      const bytes = producedBytes(request as ProduceRequest)
      waitMs = Math.max(waitMs, this.#take(caller, 'producer_byte_rate', bytes))
    } else if (api.key === fetch.key) {
      const bytes = fetchedBytes(response as FetchResponse)
      waitMs = Math.max(waitMs, this.#take(caller, 'consumer_byte_rate', bytes))
    } else if (strictFrom.has(api.key)) {
      const changes = changesOf(api.key, request, response)
      waitMs = Math.max(waitMs, this.#take(caller, 'controller_mutation_rate', changes))
    }
    return waitMs
  }

  /** The answer to a change of topics where the quota is used up already. */
  refusal({ api }: BackendApi, request: unknown, context: RequestContext): unknown {
    const from = strictFrom.get(api.key)
    if (from === undefined || context.version < from || this.#records.size === 0) return undefined
    if (isServers(context.session)) return undefined
    const waitMs = this.#wait(callerOf(context), 'controller_mutation_rate')
    return waitMs > 0 ? refusalOf(api.key, request) : undefined
  }

  /** How long whoever asks is to be silent, by what it took before. */
  waitMs(session: Session): number {
    if (this.#records.size === 0 || isServers(session)) return 0
    const caller = { user: session.principal.name, clientId: session.clientId ?? '' }
    return Math.max(
      ...(['request_rate', 'producer_byte_rate', 'consumer_byte_rate'] as const).map((key) =>
        this.#wait(caller, key),
      ),
    )
  }

  #take(caller: Caller, key: QuotaKey, amount: number): number {
    const bucket = this.#bucketOf(caller, key)
    if (!bucket) return 0
    const nowMs = this.#runtime.monotonicNow()
    bucket.take(amount, nowMs)
    return Math.min(bucket.waitMs(nowMs), silenceMaxMs)
  }

  #wait(caller: Caller, key: QuotaKey): number {
    const wait = this.#bucketOf(caller, key)?.waitMs(this.#runtime.monotonicNow()) ?? 0
    return Math.min(wait, silenceMaxMs)
  }

  #bucketOf(caller: Caller, key: QuotaKey): TokenBucket | undefined {
    const found = this.#limitOf(caller, key)
    if (!found) return undefined
    const name = `${key} ${found.name}`
    let bucket = this.#buckets.get(name)
    if (!bucket) bucket = new TokenBucket(found.rate, this.#runtime.monotonicNow())
    else this.#buckets.delete(name)
    bucket.setRate(found.rate)
    this.#buckets.set(name, bucket)
    if (this.#buckets.size > bucketsMax) this.#buckets.delete(this.#buckets.keys().next().value!)
    return bucket
  }

  /** The most particular entity that has a limit, and the name of its bucket: each caller of a default has one of its own. */
  #limitOf({ user, clientId }: Caller, key: QuotaKey) {
    const own: QuotaEntity[] = [{ user }, { 'client-id': clientId }]
    const [byUser, byClient] = own
    const both = { ...byUser, ...byClient }
    const candidates: readonly (readonly [QuotaEntity, QuotaEntity])[] = [
      [{ user, 'client-id': clientId }, both],
      [{ user, 'client-id': null }, both],
      [{ user }, byUser!],
      [{ user: null, 'client-id': clientId }, both],
      [{ user: null, 'client-id': null }, both],
      [{ user: null }, byUser!],
      [{ 'client-id': clientId }, byClient!],
      [{ 'client-id': null }, byClient!],
    ]
    for (const [entity, bucket] of candidates) {
      const rate = this.#records.get(quotaName(entity))?.values[key]
      if (rate !== undefined) return { rate, name: quotaName(bucket) }
    }
    return undefined
  }
}

interface Caller {
  readonly user: string
  readonly clientId: string
}

function callerOf({ session, clientId }: RequestContext): Caller {
  return { user: session.principal.name, clientId: clientId ?? '' }
}

function isServers({ authentication }: Session): boolean {
  return authentication === 'system' || authentication === 'embedded'
}

function producedBytes({ topicData }: ProduceRequest): number {
  let bytes = 0
  for (const { partitionData } of topicData)
    for (const { records } of partitionData) bytes += records?.length ?? 0
  return bytes
}

function fetchedBytes({ responses }: FetchResponse): number {
  let bytes = 0
  for (const { partitions } of responses)
    for (const { records } of partitions) bytes += records?.length ?? 0
  return bytes
}

/** Partitions that were made, or topics that were deleted; what failed changed nothing. */
function changesOf(key: number, request: unknown, response: unknown): number {
  const isDone = ({ errorCode: code }: { readonly errorCode: number }) => code === 0
  if (key === createTopics.key) {
    const { topics } = response as ReturnType<typeof createCreateTopicsResponse>
    return topics
      .filter(isDone)
      .reduce((sum, { numPartitions }) => sum + Math.max(1, numPartitions), 0)
  }
  if (key === deleteTopics.key)
    return (response as ReturnType<typeof createDeleteTopicsResponse>).responses.filter(isDone)
      .length
  const done = (response as CreatePartitionsResponse).results.filter(isDone)
  const counts = new Map((request as CreatePartitionsRequest).topics.map((t) => [t.name, t.count]))
  return done.reduce((sum, { name }) => sum + Math.max(1, counts.get(name) ?? 1), 0)
}

function refusalOf(key: number, request: unknown): unknown {
  const refusal = { errorCode: exceeded, errorMessage: tooFast }
  if (key === createTopics.key) {
    const { topics } = request as CreateTopicsRequest
    return createCreateTopicsResponse({
      topics: topics.map(({ name }) =>
        createCreateTopicsResponseCreatableTopicResult({ name, ...refusal, configs: null }),
      ),
    })
  }
  if (key === createPartitions.key) {
    const { topics } = request as CreatePartitionsRequest
    return createCreatePartitionsResponse({
      results: topics.map(({ name }) =>
        createCreatePartitionsResponseCreatePartitionsTopicResult({ name, ...refusal }),
      ),
    })
  }
  const { topics, topicNames } = request as DeleteTopicsRequest
  const named = topicNames.map((name) => ({ name, topicId: undefined }))
  return createDeleteTopicsResponse({
    responses: [...topics, ...named].map(({ name, topicId }) =>
      createDeleteTopicsResponseDeletableTopicResult({ name, topicId, ...refusal }),
    ),
  })
}
