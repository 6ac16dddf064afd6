/** Log lines for people (text) or machines (JSON), on standard error. */
import type { Logger } from '../core/runtime.ts'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]
export const logFormats = ['text', 'json'] as const
export type LogFormat = (typeof logFormats)[number]

type Level = keyof Logger

export function createConsoleLogger(lowest: LogLevel, format: LogFormat): Logger {
  const at = (level: Level) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(lowest)) return () => undefined
    return (fields: object, message: string) => {
      const line =
        format === 'json' ? jsonLine(level, fields, message) : textLine(level, fields, message)
      process.stderr.write(`${line}\n`)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function jsonLine(level: Level, fields: object, message: string): string {
  return JSON.stringify(
    { time: timestamp(), level, msg: message, ...fields },
    (_, value: unknown) => {
      if (typeof value === 'bigint') return value.toString()
      if (!(value instanceof Error)) return value
      const { name, message: text, stack } = value
      return { name, code: (value as { code?: unknown }).code, message: text, stack }
    },
  )
}

function textLine(level: Level, fields: object, message: string): string {
  const details = Object.entries(fields).map(([key, value]) => ` ${key}=${shown(value, level)}`)
  return `${timestamp()} ${level.toUpperCase().padEnd(5)} ${message}${details.join('')}`
}

/** Stacks only for what is our own fault. */
function shown(value: unknown, level: Level): string {
  if (value instanceof Error)
    return level === 'error' ? (value.stack ?? value.message) : value.message
  if (typeof value === 'string') return /[\s"=]/.test(value) ? JSON.stringify(value) : value
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function timestamp(): string {
  return new Date().toISOString()
}
