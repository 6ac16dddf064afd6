/** Errors as HTTP tells them: a status and a problem (RFC 9457) with what every error of this package has. */
import { KafkaError, type Outcome } from '../core/errors.ts'
import { codeOfName } from '../protocol/error-codes.ts'
import type { HttpReply } from './http-exchange.ts'

export interface HttpErrorOptions {
  readonly code: string
  readonly retriable?: boolean
  readonly outcome?: Outcome
  readonly cause?: unknown
  /** More of the problem: where a mistake is, which offset there is. */
  readonly more?: { readonly [name: string]: unknown }
  readonly headers?: { readonly [name: string]: string }
}

/** A mistake of whoever asked over HTTP, or what HTTP has a status of its own for. */
export class HttpError extends KafkaError {
  readonly status: number
  readonly more: { readonly [name: string]: unknown }
  readonly headers: { readonly [name: string]: string }

  constructor(status: number, message: string, options: HttpErrorOptions) {
    super(message, options)
    this.status = status
    this.more = options.more ?? {}
    this.headers = options.headers ?? {}
  }
}

/** For what waits while the service ends; another replica, or the next start, answers it. */
export function serviceClosing(outcome: Outcome = 'failed'): HttpError {
  return new HttpError(503, 'The service is closing', {
    ...{ code: 'CLIENT_CLOSED', retriable: true, outcome },
  })
}

/** Something that stands before the API in the same program has read the body, as `express.json()` does. */
export function bodyTaken(): HttpError {
  return new HttpError(
    500,
    'The body of the request was read before it came here: the handler has to stand before what reads bodies, such as express.json()',
    { code: 'BODY_ALREADY_READ' },
  )
}

/** The answer to a request that failed. What is not an error of this package is not told. */
export function problemReply(error: unknown, requestId: string): HttpReply {
  const known = error instanceof KafkaError ? error : undefined
  const status = statusOf(error)
  const { code = 'INTERNAL_ERROR', outcome = 'unknown' } = known ?? {}
  const retriable = isRetriable(error)
  const detail = known
    ? detailOf(known)
    : 'The request failed in a way that was not expected; the log says more'
  const problem = {
    type: 'about:blank',
    title: titleOf(status),
    status,
    detail,
    code,
    ...(isKafkas(code) && { kafkaError: code }),
    retriable,
    outcome,
    requestId,
    ...(error instanceof HttpError && error.more),
  }
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retriable && (status === 429 || status === 503) && { 'retry-after': '1' }),
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
      ...(error instanceof HttpError && error.headers),
    },
    body: JSON.stringify(problem, (_, one: unknown) =>
      typeof one === 'bigint' ? String(one) : one,
    ),
  }
}

/**
 * To Kafka's clients a topic that is not there may be one that their broker has not heard of yet; the service has looked for it
 * long enough to say that there is none.
 */
function isRetriable(error: unknown): boolean {
  if (!(error instanceof KafkaError)) return false
  return error.retriable && (error instanceof HttpError || statusOf(error) !== 404)
}

/** The phrase of a status. */
export function titleOf(status: number): string {
  return titles[status] ?? 'Error'
}

/** What an error says about one record of several. */
export function problemOf(error: unknown): { [name: string]: unknown } {
  const known = error instanceof KafkaError ? error : undefined
  const { code = 'INTERNAL_ERROR', outcome = 'unknown' } = known ?? {}
  const retriable = isRetriable(error)
  const detail = known ? detailOf(known) : 'The record failed in a way that was not expected'
  return {
    status: statusOf(error),
    code,
    ...(isKafkas(code) && { kafkaError: code }),
    detail,
    retriable,
    outcome,
  }
}

/** How this service reaches the cluster behind it is nothing to who is outside. */
export function isOfUpstream({ code }: KafkaError): boolean {
  return codesOfUpstream.has(code)
}

function detailOf(error: KafkaError): string {
  return isOfUpstream(error) ? error.message.replaceAll(addressShape, '') : error.message
}

const codesOfUpstream: ReadonlySet<string> = new Set([
  ...['NETWORK_EXCEPTION', 'REQUEST_TIMED_OUT', 'TLS_CERTIFICATE_REFUSED', 'UNSUPPORTED_VERSION'],
])
/** As in `a broker at kafka-1.internal:9092` and `connect EHOSTUNREACH 10.0.0.7:9092`. */
const addressShape = /(?: at| under)? (?:\[[\da-f:]+\]|[\w.-]+):\d{1,5}\b/gi

export function statusOf(error: unknown): number {
  if (error instanceof HttpError) return error.status
  if (!(error instanceof KafkaError)) return 500
  const status = statuses[error.code]
  if (status !== undefined) return status
  return error.retriable ? 503 : 500
}

function isKafkas(code: string): boolean {
  return codeOfName(code) !== -1 || code === 'UNKNOWN_SERVER_ERROR'
}

/** Codes whose status is not that of a failure of ours. */
const statuses: { readonly [code: string]: number } = {
  OFFSET_OUT_OF_RANGE: 416,
  CORRUPT_MESSAGE: 400,
  UNKNOWN_TOPIC_OR_PARTITION: 404,
  UNKNOWN_TOPIC_ID: 404,
  REQUEST_TIMED_OUT: 504,
  TRANSACTION_TIMED_OUT: 504,
  MESSAGE_TOO_LARGE: 413,
  RECORD_LIST_TOO_LARGE: 413,
  INVALID_TOPIC_EXCEPTION: 400,
  INVALID_GROUP_ID: 400,
  TOPIC_AUTHORIZATION_FAILED: 403,
  GROUP_AUTHORIZATION_FAILED: 403,
  CLUSTER_AUTHORIZATION_FAILED: 403,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 403,
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: 403,
  SASL_AUTHENTICATION_FAILED: 401,
  INVALID_TIMESTAMP: 400,
  TOPIC_ALREADY_EXISTS: 409,
  INVALID_PARTITIONS: 400,
  INVALID_REPLICATION_FACTOR: 400,
  INVALID_REPLICA_ASSIGNMENT: 400,
  INVALID_CONFIG: 400,
  INVALID_REQUEST: 400,
  INVALID_RECORD: 400,
  UNSUPPORTED_VERSION: 400,
  UNSUPPORTED_DATA_FORMAT: 400,
  UNSUPPORTED_COMPRESSION_TYPE: 415,
  POLICY_VIOLATION: 409,
  NON_EMPTY_GROUP: 409,
  GROUP_ID_NOT_FOUND: 404,
  GROUP_SUBSCRIBED_TO_TOPIC: 409,
  RESOURCE_NOT_FOUND: 404,
  SECURITY_DISABLED: 409,
  TOPIC_DELETION_DISABLED: 409,
  THROTTLING_QUOTA_EXCEEDED: 429,
  SERIALIZATION_FAILED: 400,
  NETWORK_EXCEPTION: 502,
  TLS_CERTIFICATE_REFUSED: 502,
  GATEWAY_NOT_TRUSTED: 502,
  GATEWAY_LOGIN_REFUSED: 502,
  CLIENT_CLOSED: 503,
  BROKER_CLOSED: 503,
  ABORTED: 503,
}

const titles: { readonly [status: number]: string } = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}
