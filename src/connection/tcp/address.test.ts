import { expect, test } from 'vitest'
import { formatAddress, maskPassword, parseKafkaUrl } from './address.ts'

test.each([
  ['kafka://host', [{ host: 'host', port: 9092 }]],
  ['kafka://host:1', [{ host: 'host', port: 1 }]],
  ['kafka://host:65535/', [{ host: 'host', port: 65_535 }]],
  ['kafka://127.0.0.1:9093', [{ host: '127.0.0.1', port: 9093 }]],
  ['kafka://[::1]', [{ host: '::1', port: 9092 }]],
  ['kafka://[fe80::1]:9093', [{ host: 'fe80::1', port: 9093 }]],
  [
    'kafka://a:1, b,[::1]:3',
    [
      { host: 'a', port: 1 },
      { host: 'b', port: 9092 },
      { host: '::1', port: 3 },
    ],
  ],
  ['kafka://a, ', [{ host: 'a', port: 9092 }]],
])('%s names brokers', (url, bootstrap) => {
  expect(parseKafkaUrl(url)).toEqual({ hasTls: false, bootstrap, sasl: undefined })
})

test('user and password may hold anything, escaped; over TLS the mechanism is PLAIN by default', () => {
  expect(parseKafkaUrl('kafka+tls://b%C3%B6:p%40%3A%2F%3F@host')).toEqual({
    hasTls: true,
    bootstrap: [{ host: 'host', port: 9092 }],
    sasl: { mechanism: 'PLAIN', username: 'bö', password: 'p@:/?' },
  })
  expect(parseKafkaUrl('kafka://u:p:@q@host?mechanism=SCRAM-SHA-512').sasl).toEqual({
    mechanism: 'SCRAM-SHA-512',
    username: 'u',
    password: 'p:@q',
  })
})

test.each([
  ['kafka://', 'names no broker'],
  ['kafka://,', 'names no broker'],
  ['kafka:host', 'cannot be read'],
  ['http://host', 'cannot be read'],
  ['kafka://host:0', "the broker address 'host:0'"],
  ['kafka://host:65536', "the broker address 'host:65536'"],
  ['kafka://host:port', "the broker address 'host:port'"],
  ['kafka://a b', "the broker address 'a b'"],
  ['kafka://::1:9092', "the broker address '::1:9092'"],
  ['kafka://[::1', "the broker address '[::1'"],
  ['kafka://host?mechanism=PLAIN', 'a mechanism but no user:password@'],
  ['kafka://host?tls=true', "the parameter 'tls'"],
  ['kafka://u:p@host', 'needs ?mechanism='],
  ['kafka://u:p@host?mechanism=GSSAPI', "has mechanism 'GSSAPI'; known are PLAIN"],
  ['kafka+tls://user@host', 'a user without a password'],
  ['kafka+tls://:secret@host', 'a user without a password'],
  ['kafka+tls://u:100%@host', 'a % that is no escape'],
])('%s is refused: it %s', (url, why) => {
  expect(() => parseKafkaUrl(url)).toThrow(why)
  expect(() => parseKafkaUrl(url)).toThrow(/write kafka:\/\/host:9092/)
})

test('a refused URL keeps its password to itself', () => {
  for (const url of [
    'kafka://u:secret@host',
    'kafka+tls://u:secret%@host',
    'kafka://u:secret@:x',
    'kafka://u:/secret@h',
  ])
    expect(() => parseKafkaUrl(url)).not.toThrow(/secret/)
  expect(maskPassword('kafka+tls://u:se:cr@et@host:1')).toBe('kafka+tls://u:***@host:1')
  expect(maskPassword('kafka://u:a/b@host:1')).toBe('kafka://u:***@host:1')
  expect(maskPassword('kafka://host:1')).toBe('kafka://host:1')
})

test('an address is shown as it is written', () => {
  expect(formatAddress({ host: '::1', port: 9092 })).toBe('[::1]:9092')
  expect(formatAddress({ host: 'h', port: 1 })).toBe('h:1')
})
