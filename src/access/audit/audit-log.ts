/**
 * Who did what, allowed or not, as JSON in a topic of the server's own. Nothing waits for it: events queue, up to a limit,
 * and go out together; what finds no room is counted, and the count is written once there is room. Never a payload, never a
 * secret.
 *
 *   {"v":1,"time":"2026-01-01T12:00:00.000Z","principal":"User:abc","credential":"key/abc","client":"app",
 *    "address":"10.0.0.1","listener":"kafka","action":"Write","resource":"topic:orders","allowed":true,"request":"kafka-1/7"}
 */
import type { AuditEvent } from '../../backend/guard.ts'
import { principalName } from '../../backend/session.ts'
import type { Connection } from '../../connection/connection.ts'
import { backoffDelay, delay } from '../../core/backoff.ts'
import type { Runtime } from '../../core/runtime.ts'
import { TopicWriter } from '../state/topic-writer.ts'
import { auditTopic } from '../system-topics.ts'

export interface AuditLogOptions {
  readonly connection: Connection
  readonly runtime: Runtime
}

/** Events that wait; more are dropped. */
const queueMax = 10_000
const batchMax = 500
/** Names that callers choose are cut. */
const textMax = 300
const retry = { baseMs: 100, maxMs: 5000 }

export class AuditLog {
  readonly #runtime: Runtime
  readonly #writer: TopicWriter
  readonly #closing = new AbortController()
  #queue: string[] = []
  #dropped = 0
  #droppedInAll = 0
  #writing: Promise<void> | undefined

  constructor({ connection, runtime }: AuditLogOptions) {
    this.#runtime = runtime
    this.#writer = new TopicWriter({ connection, runtime, topic: auditTopic })
  }

  /** Events that found no room, since the start. */
  get dropped(): number {
    return this.#droppedInAll
  }

  /** Makes the topic where it is missing. */
  open(): Promise<void> {
    return this.#writer.ensure([['cleanup.policy', 'delete']])
  }

  write(event: AuditEvent): void {
    if (this.#closing.signal.aborted) return
    if (this.#queue.length >= queueMax) {
      this.#dropped++
      this.#droppedInAll++
      return
    }
    this.#queue.push(lineOf(event, this.#runtime.now()))
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined
    })
  }

  /** Writes what waits, once, and stops. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#writing
    await this.#writer.close()
  }

  async #drain(): Promise<void> {
    const { signal } = this.#closing
    for (let tries = 0; this.#queue.length > 0; ) {
      const events = this.#queue.slice(0, batchMax)
      const lost = this.#dropped
      const lines = lost > 0 ? [...events, lostLine(lost, this.#runtime.now())] : events
      try {
        await this.#writer.append(lines.map((value) => ({ key: null, value })))
        this.#queue.splice(0, events.length)
        this.#dropped -= lost
        tries = 0
      } catch (error) {
        const { logger } = this.#runtime
        logger.warn({ err: error, waiting: this.#queue.length }, 'the audit log cannot be written')
        if (signal.aborted) return
        await delay(this.#runtime, backoffDelay(++tries, retry, this.#runtime), signal).catch(
          () => undefined,
        )
      }
    }
  }
}

function lineOf(
  { session, action, resource, isAllowed, requestId, reason }: AuditEvent,
  now: number,
) {
  const { principal, credential, clientId, clientAddress, listener } = session
  return JSON.stringify({
    v: 1,
    time: new Date(now).toISOString(),
    principal: cut(principalName(principal)),
    credential: credential === undefined ? undefined : shownCredential(credential),
    client: clientId === null ? undefined : cut(clientId),
    ...{ address: clientAddress, listener, action },
    resource: resource === undefined ? undefined : cut(resource),
    allowed: isAllowed,
    request: requestId ?? session.requestsUnderWay,
    reason: reason === undefined ? undefined : cut(reason),
  })
}

/** Kind and id; nothing of what it was shown with. */
function shownCredential(credential: string): string {
  const [kind, id] = credential.split('/')
  return `${kind}/${id}`
}

function lostLine(count: number, now: number): string {
  return JSON.stringify({ v: 1, time: new Date(now).toISOString(), action: 'EventsLost', count })
}

function cut(text: string): string {
  return text.length > textMax ? `${text.slice(0, textMax)}…` : text
}
