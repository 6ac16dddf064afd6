/**
 * Tickets in the place of a key, for an `EventSource`, which sends no headers: good once, for a short time, and kept as a
 * digest. Whoever takes one has the identity of who asked for it.
 */
import type { Identity, Session } from '../backend/session.ts'
import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts'
import { UnauthorizedError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { StateLog } from './state-log.ts'

interface Kept {
  readonly identity: Identity
  /** Epoch milliseconds. */
  readonly expires: number
}

export const ticketPrefix = 'ticket/'
const secretBytes = 24

export class Tickets {
  readonly #state: StateLog
  readonly #runtime: Runtime
  readonly #lifetimeMs: number

  constructor(state: StateLog, runtime: Runtime, lifetimeMs: number) {
    this.#state = state
    this.#runtime = runtime
    this.#lifetimeMs = lifetimeMs
  }

  async issue({
    identity,
  }: Session): Promise<{ readonly ticket: string; readonly expires: number }> {
    const secret = crypto.getRandomValues(new Uint8Array(secretBytes))
    const ticket = `kdt_${Buffer.from(secret).toString('base64url')}`
    const expires = this.#runtime.now() + this.#lifetimeMs
    const kept: Kept = { identity, expires }
    const key = await keyOf(ticket)
    await this.#state.run(key, async (turn) => turn.put(key, encodeUtf8(JSON.stringify(kept))))
    return { ticket, expires }
  }

  /** Rejects with `UnauthorizedError` for one that is unknown, was used, or is too old. */
  async redeem(ticket: string): Promise<Identity> {
    const key = await keyOf(ticket)
    const identity = await this.#state.run(key, async (turn) => {
      const bytes = turn.get(key)
      if (!bytes) return undefined
      turn.put(key, null)
      const kept = JSON.parse(decodeUtf8(bytes)) as Kept
      const now = this.#runtime.now()
      const isOver =
        kept.expires <= now || (kept.identity.expiresAt ?? Number.POSITIVE_INFINITY) <= now
      return isOver ? undefined : kept.identity
    })
    if (identity) return identity
    throw new UnauthorizedError(
      'The ticket is unknown, was used, or is too old; ask for a new one: POST /v1/tickets',
      {
        code: 'SASL_AUTHENTICATION_FAILED',
      },
    )
  }
}

export function isTicketExpired(value: Uint8Array, now: number): boolean {
  return (JSON.parse(decodeUtf8(value)) as Kept).expires <= now
}

async function keyOf(ticket: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    'SHA-256',
    encodeUtf8(ticket) as Uint8Array<ArrayBuffer>,
  )
  return ticketPrefix + Buffer.from(digest).toString('base64url')
}
