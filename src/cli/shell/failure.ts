/** What a thrown error is to whoever typed the command: its exit code, and a text or one JSON object. */
import {
  ConfigError,
  DataFolderLockedError,
  DisconnectedError,
  KafkaError,
  PartitionNotFoundError,
  TimeoutError,
  TopicNotFoundError,
  UnauthorizedError,
} from '../../core/errors.ts'
import { CommandError } from './command-error.ts'
import { type ExitCode, exitCode } from './exit-code.ts'
import { Interruption } from './io.ts'

export interface Failure {
  readonly exitCode: ExitCode
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
  /** Of a mistake in the program itself: where it happened. */
  readonly stack?: string | undefined
}

const notFoundCodes: ReadonlySet<string> = new Set([
  'GROUP_ID_NOT_FOUND',
  'RESOURCE_NOT_FOUND',
  'TRANSACTIONAL_ID_NOT_FOUND',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'STORAGE_NOT_FOUND',
])

/** What was asked for cannot be: the broker says so, and nothing but another command line helps. */
const unusableCodes: ReadonlySet<string> = new Set([
  'INVALID_CONFIG',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_TOPIC_EXCEPTION',
])

export function failureOf(error: unknown): Failure {
  if (error instanceof Interruption) {
    const code = error.signalName === 'SIGINT' ? exitCode.interrupted : exitCode.terminated
    return { exitCode: code, code: 'INTERRUPTED', message: 'interrupted' }
  }
  if (error instanceof CommandError) {
    const { exitCode, code, message, hint } = error
    return { exitCode, code, message, hint }
  }
  if (error instanceof KafkaError) {
    const { code, message } = error
    return { exitCode: exitCodeOf(error), code, message, hint: hintFor(error) }
  }
  const { code, message, stack } = asError(error)
  // Of the system: its own words say what was refused.
  if (code !== undefined) return { exitCode: exitCode.failed, code, message }
  return { exitCode: exitCode.failed, code: 'INTERNAL', message, stack }
}

function exitCodeOf(error: KafkaError): ExitCode {
  if (error instanceof ConfigError) return exitCode.usage
  if (error instanceof UnauthorizedError || isUnwelcome(error)) return exitCode.denied
  if (error instanceof TopicNotFoundError || error instanceof PartitionNotFoundError)
    return exitCode.notFound
  if (notFoundCodes.has(error.code)) return exitCode.notFound
  if (unusableCodes.has(error.code)) return exitCode.usage
  return error instanceof TimeoutError ? exitCode.timedOut : exitCode.failed
}

/** The broker answers who asks what it is, and hangs up on who asks for more without saying who it is. */
function isUnwelcome(error: KafkaError): boolean {
  return error instanceof DisconnectedError && error.message.endsWith('(sasl)?')
}

function hintFor(error: KafkaError): string | undefined {
  if (error instanceof DataFolderLockedError)
    return 'Use the URL of the process that has it open (--url kafka://localhost:9092), or stop that process'
  if (isUnwelcome(error))
    return 'Use a key or a user: --api-key-file, --sasl-user with --sasl-password-file, or a context'
  if (error instanceof DisconnectedError)
    return 'Is the URL right? It comes from --url, KAFKA_DO_URL or kafka-do context'
  if (error.code === 'SASL_AUTHENTICATION_FAILED')
    return 'Is the key right? It comes from --api-key-file, the context or KAFKA_DO_API_KEY'
  if (error.code === 'UNSUPPORTED_VERSION' && /ClientQuotas/.test(error.message))
    return 'Quotas need a server that keeps them: kafka-do serve --access keys, or Apache Kafka'
  if (error.code === 'SECURITY_DISABLED' && /authorizer/i.test(error.message))
    return 'Rights need a server that keeps them: kafka-do serve --access keys, or an authorizer of Apache Kafka'
  return undefined
}

function asError(error: unknown): { code?: string; message: string; stack?: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code } = error as NodeJS.ErrnoException
  return { ...(typeof code === 'string' && { code }), message: error.message, stack: error.stack }
}

/** For programs: one line. */
export function failureJson({ exitCode, code, message, hint }: Failure): string {
  return `${JSON.stringify({ error: { code, message, ...(hint && { hint }), exitCode } })}\n`
}

/** For people. */
export function failureText({ message, hint, stack }: Failure): string {
  const lines = [
    `kafka-do: ${message}`,
    ...(hint ? [`  ${/[.?]$/.test(hint) ? hint : `${hint}.`}`] : []),
  ]
  if (stack)
    lines.push('  This is a bug in kafka-do; please report it with the details below.', stack)
  return lines.map((line) => `${line}\n`).join('')
}
