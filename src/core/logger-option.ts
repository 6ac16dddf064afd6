/** The option for a logger. It is the application's: whatever it does, the work it is told of goes on. */
import { type Option, shaped } from './options.ts'
import { type Logger, silentLogger } from './runtime.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
const guarded = new WeakSet<Logger>([silentLogger])

const given = shaped(silentLogger, 'an object with debug, info, warn and error', isLogger)

/** When the logger that was given throws or rejects, that line is lost, and nothing else. */
export const loggerOption: Option<Logger> = {
  ...given,
  read: (value, key) => withoutFailures(given.read(value, key)),
}

function withoutFailures(logger: Logger): Logger {
  if (guarded.has(logger)) return logger
  const safe = Object.fromEntries(
    levels.map((level) => [
      level,
      (fields: object, message: string) => {
        try {
          const result: unknown = logger[level](fields, message)
          if (result instanceof Promise) result.catch(() => undefined)
        } catch {
          // There is nowhere left to say so.
        }
      },
    ]),
  ) as unknown as Logger
  guarded.add(safe)
  return safe
}

function isLogger(value: unknown): value is Logger {
  if (typeof value !== 'object' || value === null) return false
  const logger = value as { [level: string]: unknown }
  return levels.every((level) => typeof logger[level] === 'function')
}
