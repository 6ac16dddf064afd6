/**
 * Durations as a user writes them: milliseconds, or a number with a unit such as `'30s'`, `'5 min'`,
 * `'1 hour'`, `'7d'`.
 */
import { ConfigError } from './errors.ts'

/** Milliseconds (a finite number, 0 or more), or a number and a unit: ms, s, m/min, h, d, w and their words. */
export type Duration = number | string

const unitMs: Readonly<{ [unit: string]: number }> = {
  ms: 1,
  millisecond: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
}

/** Milliseconds of `duration`. Throws `ConfigError` naming `key` when it cannot be read. */
export function parseDuration(duration: unknown, key = 'duration'): number {
  if (typeof duration === 'number' && Number.isFinite(duration) && duration >= 0) return duration
  if (typeof duration === 'string') {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(duration)
    const unit = match?.[2]?.toLowerCase()
    const factor = unit && (unitMs[unit] ?? unitMs[unit.replace(/s$/, '')])
    if (match && factor) return Number(match[1]) * factor
  }
  throw new ConfigError(
    `${key} must be milliseconds (0 or more) or a string such as '500ms', '30s', '5m', '1 hour' or '7d'; got ${inspectBriefly(duration)}`,
    { code: 'INVALID_CONFIG' },
  )
}

/** A short, safe rendering of any value for an error message. */
export function inspectBriefly(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}
