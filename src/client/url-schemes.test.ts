/** What the URL's scheme has no use for is refused by name, and what came from the environment is named so. */
import { describe, expect, test } from 'vitest'
import { clientOptions, resolveClientConfig } from './config.ts'
import { type SchemeOption, schemeOf, urlSchemes } from './url-schemes.ts'

const given: { readonly [key in SchemeOption]: unknown } = {
  apiKey: 'secret',
  sasl: { mechanism: 'PLAIN', username: 'alice', password: 'secret' },
  tls: { rejectUnauthorized: true },
  broker: { retention: '1h' },
}
/** Those who compose give a client this one. */
const more = {
  broker: {
    type: { kind: 'object', expected: 'settings' },
    fallback: undefined,
    read: (value: unknown) => value,
  },
} as const

describe.each(urlSchemes)('$name:', ({ name, takes }) => {
  const url = name === 'memory' ? 'memory:' : `${name}://host`

  test.each(Object.keys(given) as SchemeOption[])('%s', (key) => {
    const resolve = () => resolveClientConfig({ url, [key]: given[key] }, {}, more)
    if (takes.includes(key)) expect(resolve()).toMatchObject({ [key]: given[key] })
    else expect(resolve).toThrow(new RegExp(`ClientConfig.${key} is for .* URLs; this one is `))
  })

  test('undefined is not given', () => {
    const none = { apiKey: undefined, sasl: undefined, tls: undefined, broker: undefined }
    expect(resolveClientConfig({ url, ...none }, {}, more).url).toBe(url)
  })

  test('an API key of the environment is no mistake of the URL', () => {
    const { apiKey } = resolveClientConfig({ url }, { KAFKA_DO_API_KEY: 'key' })
    expect(apiKey).toBe(name.startsWith('http') ? 'key' : undefined)
  })

  test('an API key of the environment is for the URL of the environment', () => {
    const environment = { KAFKA_DO_URL: url, KAFKA_DO_API_KEY: 'key' }
    expect(resolveClientConfig(undefined, environment).apiKey).toBe(
      takes.includes('apiKey') ? 'key' : undefined,
    )
  })
})

test.each<[SchemeOption, string]>([
  ['apiKey', 'kafka:, kafka+tls:, http: and https:'],
  ['sasl', 'kafka: and kafka+tls:'],
  ['tls', 'kafka+tls: and https:'],
])('%s is for %s', (key, schemes) => {
  const resolve = () => resolveClientConfig({ url: 'file:./x', [key]: given[key] }, {})
  expect(resolve).toThrow(`ClientConfig.${key} is for ${schemes} URLs; this one is file:`)
})

test('one that is not known: what is', () => {
  const known =
    /cannot be used: give file:\.\/folder .*, memory: .*, kafka:\/\/host:9092, kafka\+tls:.*, http:.* or https:/
  expect(() => schemeOf('redis://x', 'ClientConfig.url')).toThrow(known)
  expect(() => schemeOf('localhost:9092', 'ClientConfig.url')).toThrow(
    "Did you mean 'kafka://localhost:9092'?",
  )
  expect(() => schemeOf('redis://u:secret@x', 'ClientConfig.url')).not.toThrow('secret')
})

describe('the environment', () => {
  test('has a variable for what the documents say, and for nothing else', () => {
    const documented = Object.entries(clientOptions).filter(([, option]) => option.inEnvironment)
    expect(documented.map(([key]) => key)).toEqual(['url', 'apiKey'])
    const environment = { KAFKA_DO_URL: 'https://x', KAFKA_DO_API_KEY: 'k', KAFKA_DO_TIMEOUT: '1' }
    expect(resolveClientConfig({}, environment)).toMatchObject({
      url: 'https://x',
      apiKey: 'k',
      timeout: 30_000,
    })
  })

  test('stands in for the URL where the config does not give it', () => {
    const environment = { KAFKA_DO_URL: 'kafka://elsewhere' }
    expect(resolveClientConfig({}, environment)).toMatchObject({
      url: 'kafka://elsewhere',
      urlName: 'KAFKA_DO_URL',
    })
    expect(resolveClientConfig('memory:', environment)).toMatchObject({
      url: 'memory:',
      urlName: 'ClientConfig.url',
    })
    expect(resolveClientConfig(undefined, { KAFKA_DO_URL: '' }).url).toBe('file:./.kafka-do')
  })

  test('is named by an error about its value', () => {
    const resolve = () => resolveClientConfig(undefined, { KAFKA_DO_URL: 'redis://x' })
    expect(resolve).toThrow(/^KAFKA_DO_URL 'redis:\/\/x' cannot be used/)
  })
})
