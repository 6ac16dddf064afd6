/**
 * Requests to the API beside which this console is served: with the key, watched (what is waited for is shown), and with a
 * look at whether the service is there at all.
 */
import { signal } from '@preact/signals'
import { base, type Query, queryText } from './base.ts'
import { apiKey, signInNeeded } from './key.ts'
import { ApiError, errorOf } from './problem.ts'

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Parts of the path below `/v1`, each encoded, but for the last, which may hold `:verb`. */
  readonly path: readonly string[]
  readonly query?: Query
  readonly body?: unknown
  readonly accept?: string
  readonly signal?: AbortSignal | undefined
  /** What is waited for, in words: `the list of topics`. */
  readonly what: string
  /** The right that it takes, in words: `describe on topic 'orders'`. */
  readonly needs?: string
  /** Headers more. */
  readonly headers?: { readonly [name: string]: string }
}

export interface Waiting {
  readonly id: number
  readonly what: string
  readonly since: number
}

/** Requests under way. */
export const waiting = signal<readonly Waiting[]>([])
/** The service does not answer. */
export const isGone = signal(false)
/** When it is looked for next, epoch milliseconds; 0: now. */
export const nextLook = signal(0)
/** Grows when the service is back: what is shown is loaded again. */
export const generation = signal(0)

let ids = 0

/** Rejects with `ApiError`, or as the signal does. */
export async function ask(request: Ask): Promise<Response> {
  const { method = 'GET', body, accept = 'application/json', what, needs } = request
  const id = ++ids
  waiting.value = [...waiting.value, { id, what, since: Date.now() }]
  try {
    const response = await fetch(urlOf(request), {
      method,
      headers: {
        accept,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(apiKey.value !== '' && { authorization: `Bearer ${apiKey.value}` }),
        ...request.headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(request.signal && { signal: request.signal }),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    })
    if (response.ok) return response
    const error = await errorOf(response, needs)
    if (error.status === 401) signInNeeded.value = error.message
    throw error
  } catch (error) {
    if (error instanceof ApiError || request.signal?.aborted) throw error
    lookForService()
    throw new ApiError('The service does not answer', {})
  } finally {
    waiting.value = waiting.value.filter((one) => one.id !== id)
  }
}

export async function askJson<T>(request: Ask): Promise<T> {
  return (await (await ask(request)).json()) as T
}

export function urlOf({ path, query = {} }: Pick<Ask, 'path' | 'query'>): string {
  const parts = path.map((part) => encodeURIComponent(part).replaceAll('%3A', ':'))
  return `${base}/v1/${parts.join('/')}${queryText(query)}`
}

const firstWaitMs = 500
const longestWaitMs = 15_000
let timer: ReturnType<typeof setTimeout> | undefined
let waitMs = firstWaitMs

/** Asks again and again, at growing intervals, until it answers. */
function lookForService(): void {
  if (isGone.value) return
  isGone.value = true
  waitMs = firstWaitMs
  lookLater()
}

function lookLater(): void {
  nextLook.value = Date.now() + waitMs
  timer = setTimeout(lookNow, waitMs)
  waitMs = Math.min(longestWaitMs, waitMs * 2)
}

export async function lookNow(): Promise<void> {
  clearTimeout(timer)
  nextLook.value = 0
  try {
    await fetch(`${base}/v1/openapi.json`, { method: 'HEAD', cache: 'no-store' })
    isGone.value = false
    generation.value++
  } catch {
    lookLater()
  }
}

addEventListener('online', () => {
  if (isGone.value) void lookNow()
})
