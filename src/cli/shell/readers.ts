/** How options that are numbers, sizes and times are read. Each throws an `Error` that says what it takes. */
import { parseDuration } from '../../core/duration.ts'
import { didYouMean } from '../../core/suggestion.ts'

export function wholeNumber({
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
} = {}): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value
    const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`
    throw new Error(`it takes a whole number ${range}; got '${text}'`)
  }
}

/** More than 0, fractions too. */
export function positiveNumber(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value > 0 && Number.isFinite(value)) return value
  throw new Error(`it takes a number greater than 0; got '${text}'`)
}

/** Milliseconds. */
export function durationMs(text: string): number {
  try {
    return parseDuration(/^\d+$/.test(text) ? Number(text) : text)
  } catch {
    throw new Error(`it takes a duration such as 500ms, 30s, 5m, 1h or 7d; got '${text}'`)
  }
}

/** Milliseconds, or -1: for ever. */
export function retentionMs(text: string): number {
  if (text === '-1' || text === 'forever') return -1
  return durationMs(text)
}

const units: { readonly [unit: string]: number } = {
  '': 1,
  b: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
}

/** Bytes: `512`, `64k`, `1MiB`; a k is 1024. */
export function sizeBytes(text: string): number {
  const [, number, unit = ''] = /^(\d+)\s*([a-z]*)$/i.exec(text) ?? []
  const factor = units[unit.toLowerCase()]
  const value = number === undefined || factor === undefined ? Number.NaN : Number(number) * factor
  if (Number.isSafeInteger(value)) return value
  throw new Error(`it takes a number of bytes such as 512, 64k or 1MiB; got '${text}'`)
}

/** In capitals or not. */
export function oneOf<const T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice.toLowerCase() === text.toLowerCase())
    if (found !== undefined) return found
    const near = didYouMean(text, choices)
    throw new Error(`it is one of ${choices.join(', ')}; got '${text}'${near ? `. ${near}` : ''}`)
  }
}

/** `name=value`; the value may be empty and have more of `=`. */
export function pair(separator: string): (text: string) => readonly [string, string] {
  return (text) => {
    const at = text.indexOf(separator)
    if (at > 0) return [text.slice(0, at), text.slice(at + separator.length)]
    throw new Error(`it takes name${separator}value; got '${text}'`)
  }
}
