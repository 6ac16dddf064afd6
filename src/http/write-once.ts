/**
 * Writes under an `Idempotency-Key`, and those that expect an offset. The answer is kept in one transaction with the records:
 * either both are there or neither, so a repeat, also after a crash, gets the first answer and writes nothing.
 */

import type { Session } from '../backend/session.ts'
import { principalName } from '../backend/session.ts'
import { Offset } from '../client/consumer/offset.ts'
import { lookUpOffsets } from '../client/consumer/offset-lookup.ts'
import { BatchError } from '../client/producer/delivery.ts'
import type { SendOptions } from '../client/producer/send-options.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../core/bytes.ts'
import type { KafkaError } from '../core/errors.ts'
import type { HttpReply, HttpRequest } from './http-exchange.ts'
import { HttpError, statusOf } from './problem.ts'
import { toBase64 } from './records/record-json.ts'
import { partitionsOf } from './records/starting-place.ts'
import { resultsJson, storedJson } from './records/stored-json.ts'
import type { WrittenRecord } from './records/written-records.ts'
import type { Services } from './services.ts'
import type { StateLog, StateTurn } from './state-log.ts'

export interface OneWrite {
  readonly session: Session
  readonly topic: string
  readonly value: Uint8Array | null
  readonly options: SendOptions<Uint8Array>
  readonly key: string | undefined
  readonly expectedOffset: bigint | undefined
  readonly request: HttpRequest
}

export interface ManyWrites {
  readonly session: Session
  readonly topic: string
  readonly records: readonly WrittenRecord[]
  readonly key: string
  readonly request: HttpRequest
  readonly body: Uint8Array
}

/** What is kept of an answer. */
interface Kept {
  readonly status: number
  readonly body: string
  /** Of the request, base64. */
  readonly digest: string
  /** Epoch milliseconds. */
  readonly expires: number
}

export const answerPrefix = 'answer/'
const keyMax = 255

export class WriteOnce {
  readonly #services: Services
  readonly #state: StateLog

  constructor(services: Services, state: StateLog) {
    this.#services = services
    this.#state = state
  }

  async one({
    session,
    topic,
    value,
    options,
    key,
    expectedOffset,
    request,
  }: OneWrite): Promise<HttpReply> {
    await this.#services.demand(session, { operation: 'write', type: 'topic', name: topic })
    await this.#services.charge(session, topic, value ?? new Uint8Array(0))
    const digest = await digestOf(request, value ?? new Uint8Array(0))
    const place = key === undefined ? `offset/${topic}` : keyOf(session, key)
    const written = this.#state.run(
      place,
      async (turn) => {
        const kept = key === undefined ? undefined : this.#kept(turn, place, digest)
        if (kept) return replayed(kept)
        if (key !== undefined) this.#checkRoom(turn)
        if (expectedOffset !== undefined)
          await this.#checkOffset(session, topic, options.partition!, expectedOffset)
        const [metadata] = await turn.send(topic, [{ value, options }])
        const { offset } = metadata!
        if (expectedOffset !== undefined && offset !== expectedOffset)
          throw notThere(expectedOffset, offset)
        const body = storedJson(metadata!)
        if (key !== undefined) this.#keep(turn, place, { status: 200, body, digest })
        return answered(200, body)
      },
      { isAlone: expectedOffset !== undefined },
    )
    return written.catch((error: unknown) => {
      // The batch of one is ours.
      throw error instanceof BatchError ? error.results[0] : error
    })
  }

  /** All of them or none. */
  async many({ session, topic, records, key, request, body }: ManyWrites): Promise<HttpReply> {
    await this.#services.demand(session, { operation: 'write', type: 'topic', name: topic })
    await this.#services.charge(session, topic, body)
    const digest = await digestOf(request, body)
    const place = keyOf(session, key)
    try {
      return await this.#state.run(place, async (turn) => {
        const kept = this.#kept(turn, place, digest)
        if (kept) return replayed(kept)
        this.#checkRoom(turn)
        const results = await turn.send(topic, records)
        const answer = resultsJson(results)
        this.#keep(turn, place, { status: 200, body: answer, digest })
        return answered(200, answer)
      })
    } catch (error) {
      throw error instanceof BatchError && error.outcome === 'failed' ? noneStored(error) : error
    }
  }

  #kept(turn: StateTurn, place: string, digest: string): Kept | undefined {
    const bytes = turn.get(place)
    const kept = bytes && (JSON.parse(decodeUtf8(bytes)) as Kept)
    if (!kept || kept.expires <= this.#services.runtime.now()) return undefined
    // What was kept never changes, whoever may write now.
    turn.isCertain()
    if (kept.digest === digest) return kept
    throw new HttpError(
      422,
      'This Idempotency-Key came with another request before; take a new one for a new request',
      {
        code: 'IDEMPOTENCY_KEY_REUSED',
      },
    )
  }

  #keep(turn: StateTurn, place: string, kept: Omit<Kept, 'expires'>): void {
    const { config, runtime } = this.#services
    const expires = runtime.now() + config.idempotencyRetention
    turn.put(place, encodeUtf8(JSON.stringify({ ...kept, expires })))
  }

  /** Partitions fill evenly; each has its share. */
  #checkRoom(turn: StateTurn): void {
    if (turn.size < Math.max(1, this.#services.config.maxIdempotencyKeys / turn.partitions)) return
    throw new HttpError(
      503,
      'There are as many idempotency keys as are kept (maxIdempotencyKeys); try again later',
      {
        code: 'TOO_MANY_IDEMPOTENCY_KEYS',
        retriable: true,
      },
    )
  }

  /** What is not as expected is seen before anything is written; whoever writes at the same time is seen by the offset. */
  async #checkOffset(
    session: Session,
    topic: string,
    partition: number,
    expected: bigint,
  ): Promise<void> {
    const [actual] = await this.#services.callers.with(session, async ({ cluster }) => {
      // Asked of a broker it would be tried again and again, with all that waits behind it.
      partitionsOf(await cluster.ensureTopic(topic), partition)
      return lookUpOffsets(cluster, [{ topic, partition }], Offset.latest, {
        isolation: 'read_uncommitted',
      })
    })
    if (actual !== expected) throw notThere(expected, actual!)
  }
}

/** Of one caller: others may use the same name for something else. */
function keyOf({ principal }: Session, key: string): string {
  const isPrintable = /^[\x21-\x7e]+$/.test(key)
  if (key.length > keyMax || !isPrintable) {
    throw new HttpError(
      400,
      `An Idempotency-Key has 1 to ${keyMax} printable ASCII characters without spaces`,
      {
        code: 'INVALID_REQUEST',
      },
    )
  }
  return `${answerPrefix}${principalName(principal)}/${key}`
}

/** Of all that the request says: where, how and what. */
async function digestOf(request: HttpRequest, body: Uint8Array): Promise<string> {
  const headers = request.headersWith('kafka-header-').map((pair) => pair.join(':'))
  const about = encodeUtf8(`${request.method} ${request.target}\n${headers.join('\n')}\n\n`)
  const whole = concatBytes([about, body]) as Uint8Array<ArrayBuffer>
  return toBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', whole)))
}

function answered(status: number, body: string): HttpReply {
  return { status, headers: { 'content-type': 'application/json' }, body }
}

function replayed({ status, body }: Kept): HttpReply {
  const reply = answered(status, body)
  return { ...reply, headers: { ...reply.headers, 'idempotent-replayed': 'true' } }
}

/** The others went with those that could not be stored. */
function noneStored({ results, failed, code, retriable, cause }: BatchError): HttpError {
  const { message } = results[failed[0]!] as KafkaError
  return new HttpError(
    statusOf(cause),
    `None of the ${results.length} records is stored, as all of them are or none; number ${failed[0]} cannot be: ${message}`,
    { code, retriable, cause, more: { index: failed[0] } },
  )
}

function notThere(expected: bigint, actual: bigint): HttpError {
  return new HttpError(
    412,
    `The partition ends at offset ${actual}, not at ${expected}; nothing was written`,
    {
      code: 'OFFSET_NOT_AS_EXPECTED',
      more: { expectedOffset: String(expected), actualOffset: String(actual) },
    },
  )
}

/** Whether what was kept is of no more use. */
export function isAnswerExpired(value: Uint8Array, now: number): boolean {
  return (JSON.parse(decodeUtf8(value)) as Kept).expires <= now
}
