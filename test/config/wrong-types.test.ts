/**
 * Every option of every config, given values of every wrong type: each is refused with an error that
 * names the option. Made from the tables, so an option that is new is among them.
 */
import { describe, expect, test } from 'vitest'
import { type ConfigKind, configKinds, tablesWithin } from '../../scripts/configuration/kinds.ts'
import { ConfigError } from '../../src/core/errors.ts'
import type { OptionType } from '../../src/core/option.ts'
import { valuesOfEveryType } from '../values-of-every-type.ts'

const values: readonly unknown[] = [
  ...valuesOfEveryType,
  5,
  '5',
  Number.POSITIVE_INFINITY,
  2 ** 60,
  new URL('kafka://host'),
]

/** Whether a value is of the right type, by a rule of the test's own. */
function isRight(type: OptionType, value: unknown): boolean {
  switch (type.kind) {
    case 'integer':
    case 'bytes':
      return Number.isSafeInteger(value) && isWithin(type, value as number)
    case 'number':
      return typeof value === 'number' && isWithin(type, value)
    case 'duration':
      if (type.forever && value === -1) return true
      return typeof value === 'number' && Number.isFinite(value) && isWithin(type, value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'choice':
      return type.allowed.includes(value as never)
    case 'text':
      return typeof value === 'string' && value !== ''
    case 'pem':
      return (typeof value === 'string' && value !== '') || value instanceof Uint8Array
    case 'function':
      return typeof value === 'function'
    case 'options':
      return isPlain(value) && isEmpty(value)
    case 'list':
      return (
        Array.isArray(value) && value.length > 0 && value.every((one) => isRight(type.item, one))
      )
    case 'object':
      // Of the shapes, only these two can be an object without anything special in it.
      if (type.expected.includes('settings of a broker')) return isPlain(value)
      return type.expected.includes("by Kafka's names") && isPlain(value) && areConfigs(value)
  }
}

function isWithin({ min, max }: { min: number; max: number }, value: number): boolean {
  return value >= min && value <= max
}
function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0
}
function isPlain(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}
function areConfigs(value: object): boolean {
  return Object.values(value).every((config) => typeof config !== 'object')
}

async function errorOf(resolve: ConfigKind['resolve'], input: object): Promise<unknown> {
  return (async () => resolve(input as never))().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
}

/** An object with the value at the end of the path, whose steps are keys or, of a list, `key[0]`. */
function at(path: readonly string[], value: unknown): object {
  const [step, ...rest] = path
  const inner = rest.length === 0 ? value : at(rest, value)
  const key = step!.replace('[0]', '')
  return { [key]: key === step ? inner : [inner] }
}

describe.each(configKinds)('$name', ({ name, table, resolve }) => {
  const places = [[name, table] as const, ...tablesWithin(name, table)]
  const options = places.flatMap(([place, inner]) =>
    Object.entries(inner).map(([key, { type }]) => ({
      option: `${place}.${key}`,
      path: [...place.split('.').slice(1), key],
      type,
    })),
  )

  test.each(options)('$option', async ({ option, path, type }) => {
    const wrong = values.filter((value) => {
      // It may be a function that is told what went wrong.
      if (option === 'StreamsConfig.onError' && typeof value === 'function') return false
      if (type.kind === 'options') {
        const isWord = type.words.includes(value as string)
        return !isWord && !(isRight(type, value) && isEmpty(value as object))
      }
      // A URL may be one of the platform's.
      if (option === 'ClientConfig.url' && value instanceof URL) return false
      // A null of TopicChanges is the broker's default.
      return (
        !isRight(type, value) &&
        !(name === 'TopicChanges' && value === null && path[0] === 'retention')
      )
    })
    expect(wrong.length).toBeGreaterThan(10)
    for (const value of wrong) {
      const error = await errorOf(resolve, at(path, value))
      expect(error, `${option} given ${String(value)}`).toBeInstanceOf(ConfigError)
      expect((error as ConfigError).code).toBe('INVALID_CONFIG')
      expect((error as ConfigError).message).toContain(option)
    }
  })

  test.each(values.filter((value) => !isPlain(value) || !isEmpty(value)))(
    'a config that is %s',
    async (value) => {
      // A client's may be its URL.
      if (name === 'ClientConfig' && (typeof value === 'string' || value instanceof URL)) return
      const error = await errorOf(resolve, value as never)
      expect(error).toBeInstanceOf(ConfigError)
      expect((error as ConfigError).message).toContain(name)
    },
  )
})
