/**
 * The fetch sessions (KIP-227) of one broker, and what a fetch request means given them.
 *
 *   session, epoch        meaning
 *   any, -1               full: all partitions are named; the session, if one is named, ends
 *   any, 0                the same, and a new session is granted when there is room
 *   id, the one due       incremental: what has changed of the session's partitions
 *   id, another           INVALID_FETCH_SESSION_EPOCH; the session stays
 *
 * Room is made as in Apache Kafka, where no session is a follower's: the session that was unused the longest goes when
 * that is more than two minutes; else the smallest of those older than that, when it is smaller than the new one. Not in
 * Kafka: the partitions that all sessions remember are limited too. Who gets no session sends full requests.
 */
import type { Runtime } from '../../core/runtime.ts'
import {
  createFetchResponse,
  createFetchResponseFetchableTopicResponse,
  type FetchRequest,
  type FetchResponse,
  type FetchResponseFetchableTopicResponse,
  type FetchResponsePartitionData,
} from '../../protocol/messages/generated/fetch.ts'
import { errorCodes } from '../error-code.ts'
import { topicNameLengthMax } from '../topics/topic-name.ts'
import { FetchSession, finalEpoch, initialEpoch, nextEpoch } from './fetch-session.ts'
import { type FetchTarget, targetsOf } from './fetch-target.ts'

/** How long a session is safe: unused from the oldest, and from a smaller one since it was granted. */
const evictionMs = 120_000
const sessionIdMax = 2_147_483_647

/** One request and the response that will come of it. */
export interface FetchExchange {
  /** What to read, in this order. */
  readonly targets: readonly FetchTarget[]
  /**
   * The response, from an answer for each target. `isHeard`: false when the caller has gone; then nothing is kept for
   * it.
   */
  respond(answers: readonly FetchResponsePartitionData[], isHeard: boolean): FetchResponse
}

export interface FetchSessionLimits {
  readonly sessionsMax: number
  /** Of all sessions together. */
  readonly partitionsMax: number
}

export class FetchSessions {
  readonly #runtime: Runtime
  readonly #limits: FetchSessionLimits
  /** By id, the one that was unused the longest first. */
  readonly #sessions = new Map<number, FetchSession>()
  #partitionCount = 0

  constructor(runtime: Runtime, limits: FetchSessionLimits) {
    this.#runtime = runtime
    this.#limits = limits
  }

  get count(): number {
    return this.#sessions.size
  }

  /** Partitions that the sessions remember. */
  get partitionCount(): number {
    return this.#partitionCount
  }

  begin(request: FetchRequest, version: number): FetchExchange {
    const { sessionId, sessionEpoch, topics } = request
    const byId = version >= 13
    if (sessionEpoch !== initialEpoch && sessionEpoch !== finalEpoch) {
      return this.#continue(request, byId)
    }
    this.#end(this.#sessions.get(sessionId))
    const targets = targetsOf(topics, byId)
    if (sessionEpoch === finalEpoch) return sessionless(targets)
    return {
      targets,
      respond: (answers, isHeard) => {
        const session = isHeard ? this.#grant(targets, byId) : undefined
        if (session) for (const [i, target] of targets.entries()) session.tell(target, answers[i]!)
        return toResponse(session?.id ?? 0, targets, answers)
      },
    }
  }

  #continue(request: FetchRequest, byId: boolean): FetchExchange {
    const session = this.#sessions.get(request.sessionId)
    if (!session) return refused(errorCodes.FETCH_SESSION_ID_NOT_FOUND)
    if (session.epoch !== request.sessionEpoch) {
      return refused(errorCodes.INVALID_FETCH_SESSION_EPOCH)
    }
    if (session.byId !== byId) return refused(errorCodes.FETCH_SESSION_TOPIC_ID_ERROR)
    this.#touch(session)
    const sizeBefore = session.size
    session.update(request)
    this.#partitionCount += session.size - sizeBefore
    if (session.size === 0) {
      this.#end(session)
      return sessionless(targetsOf(request.topics, byId))
    }
    const hasRoom = session.size <= sizeBefore || this.#makeRoomForPartitions(0)
    if (!hasRoom || !mayBeKept(request.topics)) {
      this.#end(session)
      return refused(errorCodes.FETCH_SESSION_ID_NOT_FOUND)
    }
    session.epoch = nextEpoch(session.epoch)
    return this.#incremental(session)
  }

  #incremental(session: FetchSession): FetchExchange {
    const { epoch } = session
    const targets = session.targets()
    return {
      targets,
      respond: (answers) => {
        // Another request of the session was taken while this one waited.
        if (session.epoch !== epoch) {
          return createFetchResponse({
            errorCode: errorCodes.INVALID_FETCH_SESSION_EPOCH,
            sessionId: session.id,
          })
        }
        const news = targets.map((target, i) => session.tell(target, answers[i]!))
        return toResponse(
          session.id,
          targets.filter((_, i) => news[i]),
          answers.filter((_, i) => news[i]),
        )
      },
    }
  }

  /** A new session; undefined when there is no room. */
  #grant(targets: readonly FetchTarget[], byId: boolean): FetchSession | undefined {
    if (!mayBeKept(targets) || !this.#makeRoom(targets.length)) return undefined
    const createdAt = this.#runtime.monotonicNow()
    const session = new FetchSession({ id: this.#newId(), byId, createdAt, targets })
    this.#sessions.set(session.id, session)
    this.#partitionCount += session.size
    return session
  }

  /** False when nothing may be evicted for a session of `size` partitions. */
  #makeRoom(size: number): boolean {
    if (this.#limits.sessionsMax === 0 || !this.#makeRoomForPartitions(size)) return false
    if (this.#sessions.size < this.#limits.sessionsMax) return true
    const evictable = this.#stale() ?? this.#smallest(size)
    this.#end(evictable)
    return evictable !== undefined
  }

  /** Only what nobody seems to use goes for the sake of partitions: one large session shall not push out many. */
  #makeRoomForPartitions(size: number): boolean {
    const { partitionsMax } = this.#limits
    while (this.#partitionCount + size > partitionsMax) {
      const stale = size <= partitionsMax ? this.#stale() : undefined
      if (!stale) return false
      this.#end(stale)
    }
    return true
  }

  #stale(): FetchSession | undefined {
    const [oldest] = this.#sessions.values()
    const isStale = oldest && this.#runtime.monotonicNow() - oldest.lastUsedAt > evictionMs
    return isStale ? oldest : undefined
  }

  /** The smallest session that is old enough to go, when it is smaller than one of `size` partitions. */
  #smallest(size: number): FetchSession | undefined {
    const now = this.#runtime.monotonicNow()
    let smallest: FetchSession | undefined
    for (const session of this.#sessions.values()) {
      if (now - session.createdAt <= evictionMs) continue
      if (session.size < (smallest?.size ?? size)) smallest = session
    }
    return smallest
  }

  #touch(session: FetchSession): void {
    session.lastUsedAt = this.#runtime.monotonicNow()
    this.#sessions.delete(session.id)
    this.#sessions.set(session.id, session)
  }

  #end(session: FetchSession | undefined): void {
    if (session && this.#sessions.delete(session.id)) this.#partitionCount -= session.size
  }

  #newId(): number {
    let id = 1 + Math.floor(this.#runtime.random() * sessionIdMax)
    while (this.#sessions.has(id)) id = id === sessionIdMax ? 1 : id + 1
    return id
  }
}

/** A name that no topic can have may be long, and would cost more memory than a partition is counted for. */
function mayBeKept(named: readonly { readonly topic: string }[]): boolean {
  return named.every(({ topic }) => topic.length <= topicNameLengthMax)
}

function sessionless(targets: readonly FetchTarget[]): FetchExchange {
  return { targets, respond: (answers) => toResponse(0, targets, answers) }
}

function refused(errorCode: number): FetchExchange {
  return { targets: [], respond: () => createFetchResponse({ errorCode }) }
}

/** Partitions of a topic that follow one another share its entry; their order stays. */
function toResponse(
  sessionId: number,
  targets: readonly FetchTarget[],
  answers: readonly FetchResponsePartitionData[],
): FetchResponse {
  const responses: FetchResponseFetchableTopicResponse[] = []
  let last: FetchResponseFetchableTopicResponse | undefined
  for (let i = 0; i < targets.length; i++) {
    const { topic, topicId } = targets[i]!
    if (last?.topic !== topic || last.topicId !== topicId) {
      last = createFetchResponseFetchableTopicResponse({ topic, topicId })
      responses.push(last)
    }
    last.partitions.push(answers[i]!)
  }
  return createFetchResponse({ sessionId, responses })
}
