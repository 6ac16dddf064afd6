/** A route: what it takes and gives, as data for the OpenAPI document and for checking, and the function that serves it. */
import type { Session } from '../backend/session.ts'
import { closest } from '../core/options.ts'
import type { HttpReply, HttpRequest } from './http-exchange.ts'
import { HttpError } from './problem.ts'
import type { Schema } from './schema.ts'

/** A parameter of the query: always text on its way. */
export interface QueryParameter {
  readonly schema: Schema
  readonly description: string
}

export interface RouteBody {
  readonly description: string
  readonly required: boolean
  /** By media type. */
  readonly content: { readonly [mediaType: string]: Schema }
}

export interface RouteAnswer {
  readonly description: string
  readonly content?: { readonly [mediaType: string]: Schema }
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `{name}` where a name stands. */
  readonly path: string
  /** Unique; generated clients name their methods so. */
  readonly id: string
  readonly tag: string
  readonly summary: string
  readonly query?: { readonly [name: string]: QueryParameter }
  /** Headers that mean something here, by name. */
  readonly headers?: { readonly [name: string]: string }
  readonly body?: RouteBody
  readonly answers: { readonly [status: string]: RouteAnswer }
  /** Nobody is asked for a key. */
  readonly isOpen?: boolean
  /** A ticket in the query may stand for a key: an `EventSource` sends no headers. */
  readonly takesTicket?: boolean
  serve(call: Call): Promise<HttpReply> | HttpReply
}

/** One request on its way through a route. */
export interface Call {
  readonly request: HttpRequest
  readonly requestId: string
  readonly params: { readonly [name: string]: string }
  /** As the route's schemas have them: text, or numbers and booleans. */
  readonly query: { readonly [name: string]: string | number | boolean | undefined }
  readonly session: Session
  /** Aborted when nobody wants the answer any more, or may not have it. */
  readonly signal: AbortSignal
}

const none = {}

/** Throws `HttpError` 400 for a parameter that is not known, is there twice, or is not what it must be. */
export function readQuery(route: Route, search: string): Call['query'] {
  if (search === '') return none
  checkEncoding(search)
  const known = route.query ?? {}
  const read: { [name: string]: string | number | boolean } = {}
  for (const [name, value] of new URLSearchParams(search)) {
    if (name === 'ticket' && route.takesTicket) continue
    const parameter = Object.hasOwn(known, name) ? known[name] : undefined
    if (!parameter) throw unknownParameter(name, Object.keys(known))
    if (Object.hasOwn(read, name)) throw wrong(name, 'is there twice')
    read[name] = readParameter(name, value, parameter.schema)
  }
  return read
}

/** What is not UTF-8 would be read as something else, without a word. */
function checkEncoding(search: string): void {
  if (!search.includes('%') || isEncoded(search)) return
  throw new HttpError(400, `The query is not percent-encoded UTF-8: ${search.slice(0, 100)}`, {
    code: 'INVALID_REQUEST',
  })
}

/** What is decoded is made use of: a bundler leaves out a call of which only the error is wanted. */
function isEncoded(search: string): boolean {
  try {
    return decodeURIComponent(search).length <= search.length
  } catch {
    return false
  }
}

function readParameter(name: string, value: string, schema: Schema): string | number | boolean {
  if (schema.type === 'integer') {
    const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema
    const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN
    if (number >= minimum && number <= maximum) return number
    throw wrong(
      name,
      `must be a whole number from ${minimum} to ${maximum}; got '${value.slice(0, 100)}'`,
    )
  }
  if (schema.type === 'boolean') {
    if (value === 'true' || value === 'false') return value === 'true'
    throw wrong(name, `must be true or false; got '${value.slice(0, 100)}'`)
  }
  if (schema.enum && !schema.enum.includes(value))
    throw wrong(name, `must be one of ${schema.enum.join(', ')}; got '${value.slice(0, 100)}'`)
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value))
    throw wrong(name, `must match ${schema.pattern}; got '${value.slice(0, 100)}'`)
  return value
}

function unknownParameter(name: string, known: readonly string[]): HttpError {
  const near = closest(name, known)
  const hint = near
    ? `Did you mean '${near}'?`
    : known.length > 0
      ? `Known: ${known.join(', ')}`
      : 'There is none here'
  return new HttpError(400, `There is no parameter '${name.slice(0, 100)}' here. ${hint}`, {
    code: 'INVALID_REQUEST',
  })
}

export function wrong(name: string, what: string): HttpError {
  return new HttpError(400, `The parameter '${name}' ${what}`, {
    code: 'INVALID_REQUEST',
    more: { parameter: name },
  })
}
