/** The naming rule of docs/decisions/0009-option-names.md, for every option of every config. */
import { describe, expect, test } from 'vitest'
import { configKinds, tablesWithin } from '../../scripts/configuration/kinds.ts'

const options = configKinds.flatMap(({ name, table }) =>
  [[name, table] as const, ...tablesWithin(name, table)].flatMap(([kind, inner]) =>
    Object.entries(inner).map(([key, option]) => ({ name: `${kind}.${key}`, key, option })),
  ),
)

/** `linger.ms` is `linger`, `fetch.max.bytes` is `fetchMaxBytes`. */
function nameFrom(kafka: string): string {
  return kafka
    .replace(/\.(ms|seconds|minutes|hours)$/, '')
    .replaceAll(/\.([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

test('the rule makes names as the decision shows them', () => {
  expect(nameFrom('fetch.max.bytes')).toBe('fetchMaxBytes')
  expect(nameFrom('session.timeout.ms')).toBe('sessionTimeout')
  expect(nameFrom('offsets.retention.minutes')).toBe('offsetsRetention')
  expect(options.length).toBeGreaterThan(100)
})

describe.each(options)('$name', ({ key, option: { type, kafka, renamed } }) => {
  test("is Kafka's name in camelCase, unless the table says why not", () => {
    if (kafka === undefined) expect(renamed).toBeUndefined()
    else if (renamed === undefined) expect(key).toBe(nameFrom(kafka))
    // An exception that is none is a mistake in the table.
    else expect(key).not.toBe(nameFrom(kafka))
  })

  test('has no unit of time', () => {
    expect(key).not.toMatch(/(ms|millis|milliseconds|seconds|minutes|hours|days)$/i)
  })

  test('names a limit of our own first', () => {
    if (kafka === undefined) expect(key).not.toMatch(/(Max|Min|Limit)/)
  })

  test("says bytes, unless Kafka's name does not", () => {
    const isNamedByKafka = kafka !== undefined && renamed === undefined
    // A reserve of a disk can be nothing but bytes, and its name was settled before this rule.
    const isSettled = key === 'diskReserve'
    if (type.kind === 'bytes' && !isNamedByKafka && !isSettled) expect(key).toMatch(/Bytes$/)
    if (key.endsWith('Bytes')) expect(type.kind).toBe('bytes')
  })
})
