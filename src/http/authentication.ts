/** Who asks: found out for each request, as HTTP has no connection that it could hang on. */
import type { Endpoint } from '../backend/endpoint.ts'
import type { Guard } from '../backend/guard.ts'
import { anonymous, type Identity, Session } from '../backend/session.ts'
import type { HttpRequest } from './http-exchange.ts'
import { HttpError } from './problem.ts'
import type { Tickets } from './tickets.ts'

export interface Asked {
  /** The route is there for everybody: a key that is missing is no mistake. */
  readonly isOpen: boolean
  /** A ticket that stands in for a key, where the route takes one. */
  readonly ticket: string | undefined
}

export interface AuthenticationOptions {
  /** Undefined: there is no access control, and everybody is `User:ANONYMOUS`. */
  readonly guard: Guard | undefined
  /** With a guard: whether a key may be left out. */
  readonly allowAnonymous?: boolean | undefined
  /** The name of the listener. */
  readonly listener: string
  readonly advertised: () => Endpoint
  readonly tickets: Tickets
}

const nobody: Identity = { principal: anonymous, authentication: 'none' }
/** Addresses of one identity whose sessions are kept. */
const addressesMax = 1000
const bearerShape = /^bearer +([^\s]+)$/i

export class Authentication {
  readonly #options: AuthenticationOptions

  /** Requests of one caller share a session, which costs more than many of them. */
  readonly #sessions = new WeakMap<Identity, Map<string, Session>>()

  constructor(options: AuthenticationOptions) {
    this.#options = options
  }

  /** Rejects with `UnauthorizedError` or `HttpError` 401 for a key that is missing, wrong, expired or revoked. */
  sessionOf(request: HttpRequest, asked: Asked, requestId: string): Session | Promise<Session> {
    if (!this.#options.guard && asked.ticket === undefined)
      return this.#sessionWith(nobody, request)
    return this.#identityOf(request, asked, requestId).then((identity) => {
      const session = this.#sessionWith(identity, request)
      if (asked.ticket !== undefined) this.#checkStillGood(session)
      return session
    })
  }

  /** A ticket is of no more use than the key that it was given for. */
  #checkStillGood(session: Session): void {
    this.watch(session, () => undefined)()
    if (session.endReason !== undefined)
      throw unauthenticated(`The ticket is of no use any more: ${session.endReason}`)
  }

  #sessionWith(identity: Identity, request: HttpRequest): Session {
    const { clientAddress, isTls } = request
    let ofIdentity = this.#sessions.get(identity)
    if (!ofIdentity) {
      ofIdentity = new Map()
      this.#sessions.set(identity, ofIdentity)
    }
    const known = ofIdentity.get(clientAddress)
    if (known && known.isTls === isTls && known.endReason === undefined) return known
    const { listener, advertised } = this.#options
    const session = new Session({
      ...identity,
      id: `${listener}/${clientAddress}`,
      ...{ listener, isTls, clientAddress, advertised: advertised() },
    })
    if (ofIdentity.size >= addressesMax) ofIdentity.clear()
    ofIdentity.set(clientAddress, session)
    return session
  }

  /** Ends `onEnd` when the session's key is no longer good; for what lives longer than a request. Returns what lets go of it. */
  watch(session: Session, onEnd: () => void): () => void {
    const { guard } = this.#options
    if (!guard) return () => undefined
    const unwatch = guard.watch(session)
    const stopListening = session.onEnd(onEnd)
    return () => {
      stopListening()
      unwatch()
    }
  }

  async #identityOf(
    request: HttpRequest,
    { isOpen, ticket }: Asked,
    requestId: string,
  ): Promise<Identity> {
    const { guard, listener, tickets, allowAnonymous } = this.#options
    const given = request.header('authorization')
    if (given === undefined) {
      if (ticket !== undefined) return tickets.redeem(ticket)
      if (isOpen || !guard || allowAnonymous) return nobody
      throw unauthenticated('The request has no key; send it as Authorization: Bearer kd_…')
    }
    if (!guard) return nobody
    const bearer = bearerShape.exec(given)?.[1]
    if (bearer === undefined) throw unauthenticated('The Authorization header must be: Bearer kd_…')
    const { clientAddress, isTls } = request
    return guard.authenticate(bearer, { clientAddress, isTls, listener, requestId })
  }
}

function unauthenticated(message: string): HttpError {
  return new HttpError(401, message, { code: 'SASL_AUTHENTICATION_FAILED' })
}
