/** What the service says when it does not answer with frames: a problem (RFC 9457), or the page of something in between. */
import {
  DisconnectedError,
  KafkaError,
  MessageTooLargeError,
  type Outcome,
  QuotaExceededError,
  UnauthorizedError,
} from '../../core/errors.ts'
import { codeOfName, errorFrom } from '../../protocol/error-codes.ts'
import type { Posted } from './post.ts'

/** A longer page says nothing that helps. */
const pageBytesMax = 16_384

interface Problem {
  readonly detail?: unknown
  readonly code?: unknown
  readonly kafkaError?: unknown
  readonly retriable?: unknown
  readonly outcome?: unknown
  readonly requestId?: unknown
}

/** The error that an answer other than 200 stands for. `service`: its address. */
export async function refusalOf(posted: Posted, service: string): Promise<KafkaError> {
  const { status } = posted
  // A browser hides where a redirect leads to, and its status.
  if (status === 0 || (status >= 300 && status < 400)) {
    return new DisconnectedError(
      `${service} redirects elsewhere, and the key is not sent there. Use the address it redirects to`,
      { code: 'NETWORK_EXCEPTION' },
    )
  }
  const isProblem = /json/.test(posted.header('content-type') ?? '')
  const problem = isProblem ? parse(await readText(posted)) : undefined
  const said = typeof problem?.detail === 'string' ? `: ${problem.detail}` : ''
  const message = `${service} answered ${status}${said}`
  const isOurs = typeof problem?.code === 'string'
  const outcome: Outcome =
    problem?.outcome === 'unknown' || (!isOurs && status >= 500) ? 'unknown' : 'failed'
  if (status === 401) {
    const hint = said === '' ? ': it requires a key (apiKey, KAFKA_DO_API_KEY)' : ''
    return new UnauthorizedError(`${message}${hint}`, { code: 'SASL_AUTHENTICATION_FAILED' })
  }
  if (status === 429) {
    return new QuotaExceededError(message, { code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true })
  }
  if (typeof problem?.kafkaError === 'string') {
    const known = errorFrom(codeOfName(problem.kafkaError), { message })
    return remake(known, problem.retriable === true, outcome)
  }
  if (status === 413) return new MessageTooLargeError(message, { code: 'MESSAGE_TOO_LARGE' })
  if (!isOurs && status === 403)
    return new UnauthorizedError(message, { code: 'CLUSTER_AUTHORIZATION_FAILED' })
  const isElsewhere = !isOurs && (status === 404 || status === 405)
  if (isElsewhere) {
    return new DisconnectedError(
      `${message}. Is it the address of kafka-do serve's HTTP port (--http-port)?`,
      { code: 'NETWORK_EXCEPTION' },
    )
  }
  const isUnavailable = status >= 500 || status === 404 || status === 408
  // What a gateway is refused by the cluster behind it stays so until somebody mends it.
  const isOfGateway = typeof problem?.code === 'string' && problem.code.startsWith('GATEWAY_')
  if (isUnavailable && !isOfGateway) {
    return new DisconnectedError(message, { code: 'NETWORK_EXCEPTION', retriable: true, outcome })
  }
  return new KafkaError(message, {
    code: isOurs ? (problem?.code as string) : 'INVALID_REQUEST',
    retriable: problem?.retriable === true,
    outcome,
  })
}

/** How long the service wants to hear nothing, milliseconds; 0: it does not say. */
export function retryAfterMs({ header }: Posted): number {
  const seconds = Number(header('retry-after') ?? '')
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, 600_000) : 0
}

function remake(error: KafkaError, retriable: boolean, outcome: Outcome): KafkaError {
  const Kind = error.constructor as typeof KafkaError
  return new Kind(error.message, { code: error.code, retriable, outcome })
}

function parse(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Problem) : undefined
  } catch {
    return undefined
  }
}

async function readText({ body }: Posted): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length > pageBytesMax) break
    }
  } catch {
    // What was read will have to do.
  }
  return text
}
