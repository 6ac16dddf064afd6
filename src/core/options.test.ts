import { describe, expect, test } from 'vitest'
import type { Option, OptionDoc } from './option.ts'
import { describeOption, documented } from './option-text.ts'
import {
  boolean,
  bytes,
  duration,
  integer,
  oneOf,
  readText,
  resolveOptions,
  text,
  variableOf,
} from './options.ts'

const table = {
  linger: duration(0, { kafka: 'linger.ms' }),
  maxRetries: integer(3, { min: 0 }),
  isolation: oneOf('read_committed', ['read_committed'], { kafka: 'isolation.level' }),
}
const unknown = (key: string) => () => resolveOptions('Config', table, { [key]: 1 })

describe('an option that is not there', () => {
  test.each([
    ['lingr', 'linger'],
    ['linger_', 'linger'],
    ['linger.ms', 'linger'],
    ['lingerMs', 'linger'],
    ['isolationLevel', 'isolation'],
    ['isolation.level', 'isolation'],
    ['max_retries', 'maxRetries'],
    ['retriesMax', 'maxRetries'],
  ])('%s leads to %s', (key, meant) => {
    expect(unknown(key)).toThrow(`Config has no option '${key}'. Did you mean '${meant}'?`)
  })

  test.each(['colour', '123'])('that is like none, as %s: all that there are', (key) => {
    expect(unknown(key)).toThrow(
      `Config has no option '${key}'. Known options: linger, maxRetries, isolation`,
    )
  })
})

describe('an option as text', () => {
  test.each([
    [integer(1, { min: 0 }), '5', 5],
    [bytes(1, { min: -1 }), '-1', -1],
    [duration(1), '30s', 30_000],
    [duration(1), ' 250 ', 250],
    [duration(1, { forever: true }), '-1', -1],
    [boolean(true), 'false', false],
    [oneOf('all', ['all', 1, 0]), '1', 1],
    [text(undefined), '5', '5'],
  ])('%o written as %j is %j', (option, written, value) => {
    expect(readText<unknown>(option, written, 'KAFKA_DO_X')).toBe(value)
  })

  test.each([
    [integer(1, { min: 0 }), '0x10', 'KAFKA_DO_X must be a whole number from 0 to'],
    [integer(1, { min: 0 }), '1.5', 'KAFKA_DO_X must be a whole number'],
    [duration(1), 'soon', 'KAFKA_DO_X must be milliseconds'],
    [boolean(true), 'yes', 'KAFKA_DO_X must be true or false; got "yes"'],
    [oneOf('a', ['a', 'b']), 'c', 'KAFKA_DO_X must be one of "a", "b"; got "c"'],
    [text(undefined), ' ', 'KAFKA_DO_X must be a non-empty string'],
  ])('%o written as %j is refused', (option, written, says) => {
    expect(() => readText<unknown>(option, written, 'KAFKA_DO_X')).toThrow(says)
  })

  test('has a variable by its name', () => {
    expect(variableOf('maxInFlightRequests')).toBe('KAFKA_DO_MAX_IN_FLIGHT_REQUESTS')
  })
})

test.each<[Option<unknown>, OptionDoc, string]>([
  [integer(5, { min: 0 }), { doc: 'How often.' }, 'How often. 0 or more; default 5.'],
  [integer(9092, { min: 0, max: 65_535 }), { doc: 'Port.' }, 'Port. 0 to 65,535; default 9092.'],
  [
    bytes(2 ** 20, { min: 1024, max: 2 ** 30 }),
    { doc: 'Size.' },
    'Size. 1 KiB to 1 GiB; default 1 MiB.',
  ],
  [duration(90_000), { doc: 'Time.' }, 'Time. Default 90 s.'],
  [
    duration(86_400_000, { forever: true }),
    { doc: 'Age.' },
    'Age. 0 or more, or -1 for no limit; default 1 day.',
  ],
  [duration(0, { max: 60_000 }), { doc: 'Delay.' }, 'Delay. At most 1 min; default 0.'],
  [oneOf('a', ['a', 'b']), { doc: 'Which.' }, "Which. Default `'a'`."],
  [boolean(true), { doc: 'Whether.' }, 'Whether. Default true.'],
  [text(undefined), { doc: 'Name.' }, 'Name.'],
  [text(undefined), { doc: 'Name.', byDefault: 'none' }, 'Name. Default: none.'],
])('%o in words', (option, docs, words) => {
  expect(describeOption(documented({ option }, { option: docs }).option!)).toBe(words)
})
