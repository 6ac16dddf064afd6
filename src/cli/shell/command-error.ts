/** What commands themselves have to complain about; everything else they throw is a `KafkaError`. */
import { type ExitCode, exitCode } from './exit-code.ts'

export interface CommandErrorOptions {
  readonly exitCode?: ExitCode
  /** For programs; default: `FAILED`. */
  readonly code?: string
  /** What to do about it, in a sentence. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

export class CommandError extends Error {
  override readonly name: string = 'CommandError'
  readonly exitCode: ExitCode
  readonly code: string
  readonly hint: string | undefined

  constructor(message: string, options: CommandErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.exitCode = options.exitCode ?? exitCode.failed
    this.code = options.code ?? 'FAILED'
    this.hint = options.hint
  }
}

/** The command line cannot be understood. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError'

  constructor(message: string, hint?: string) {
    super(message, { exitCode: exitCode.usage, code: 'USAGE', hint })
  }
}

/** `what` is not there; `near`: a name that may have been meant. */
export class NotFoundError extends CommandError {
  override readonly name = 'NotFoundError'

  constructor(
    message: string,
    { code = 'NOT_FOUND', hint }: { code?: string; hint?: string | undefined } = {},
  ) {
    super(message, { exitCode: exitCode.notFound, code, hint })
  }
}

/** A file that was named and cannot be read: it does not exist, or what the system says. */
export function unreadableFile(path: string, cause: unknown): CommandError {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return new NotFoundError(`there is no file ${path}`, { code })
  return new CommandError(`the file ${path} cannot be read: ${message}`, {
    ...(code !== undefined && { code }),
    cause,
  })
}
