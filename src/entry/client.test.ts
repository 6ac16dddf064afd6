import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { MockClient } from '../testing/index.ts'
import { Client } from './client.ts'
import { Client as ClientOnly } from './client-only.ts'
import { Client as ClientOverHttp } from './client-over-http.ts'

const scratch = mkdtempSync(join(tmpdir(), 'kafka-do-entry-'))
let folder = ''
let folders = 0
beforeEach(() => {
  folder = join(scratch, `f${++folders}`)
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function valuesIn(config: string | URL): Promise<unknown[]> {
  await using kafka = new Client(config)
  const records = await kafka.consumer('orders').take(1).toArray()
  return records.map(({ value }) => value)
}

test.each([
  ['kafka-do', Client],
  ['kafka-do/client', ClientOnly],
  ['kafka-do/client in a browser', ClientOverHttp],
  ['kafka-do/testing', MockClient],
])('%s: a URL with its options beside it is refused', (_, type) => {
  const make = type as new (...args: unknown[]) => unknown
  expect(() => new make('https://localhost:1', { clientId: 'me' })).toThrow(
    /^Only one argument is allowed, but there are more: new (Mock)?Client\(\{.* clientId: '…' \}\)$/,
  )
})

describe('where the data lies', () => {
  test.each([
    ['a path', () => `file:${folder}`, () => folder],
    ['a URL', () => pathToFileURL(folder).href, () => folder],
    ["a URL of the platform's", () => pathToFileURL(folder), () => folder],
    ['a URL with a space', () => `${pathToFileURL(folder).href}%20x`, () => `${folder} x`],
    ['a path with a percent sign', () => `file:${folder}%20x`, () => `${folder}%20x`],
  ])('%s', async (_, url, expected) => {
    {
      await using kafka = new Client(url())
      await kafka.produce('orders', 1)
    }
    expect(readdirSync(expected())).toContain('orders-0')
    expect(await valuesIn(url())).toEqual([1])
  })

  test('a config takes a URL, too', async () => {
    await using kafka = new Client({ url: pathToFileURL(folder) })
    await kafka.produce('orders', 1)
    expect(readdirSync(folder)).toContain('orders-0')
  })

  test('clients of one process share a folder, whichever way they come to it', async () => {
    await using first = new Client(`file:${folder}`)
    await first.produce('orders', 1)
    symlinkSync(folder, `${folder}-link`)
    expect(await valuesIn(`file:${folder}-link`)).toEqual([1])
    expect(await valuesIn(`file:${join(folder, '..', '.', folder.split('/').at(-1)!)}`)).toEqual([
      1,
    ])
  })

  test('also when the folder below a link is not there yet', async () => {
    mkdirSync(folder)
    symlinkSync(folder, `${folder}-link`)
    await using first = new Client(`file:${folder}-link/data`)
    await first.produce('orders', 1)
    expect(await valuesIn(`file:${folder}/data`)).toEqual([1])
  })
})

test.each([null, 5, [], new Map(), new Date(), () => 1, new Set(['x']), true, Symbol('x')])(
  'new Client(%s) is refused',
  (config) => {
    expect(() => new Client(config as never)).toThrow(/ClientConfig must be an object/)
  },
)
