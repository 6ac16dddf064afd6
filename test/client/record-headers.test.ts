/** Headers and timestamps of a record that was read: as text, as bytes, as null, whatever their names. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Client, Headers } from '../../src/index.ts'
import { MockClient } from '../../src/testing/index.ts'
import { useCluster } from './test-cluster.ts'

const bytes = Uint8Array.of(0, 0xff, 0x80)

describe('headers', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(() => {
    kafka = cluster.open()
  })

  async function roundTrip(headers: Headers) {
    await kafka.produce('orders', 1, { headers })
    const [record] = await kafka.consumer('orders').take(1).toArray()
    return record!
  }

  test('text is text, and bytes are bytes', async () => {
    const { headers, rawHeaders } = await roundTrip({ text: 'grüße', bytes, empty: '' })
    expect(headers.text).toBe('grüße')
    expect(headers.empty).toBe('')
    expect(headers.bytes).toBe('\0\ufffd\ufffd')
    expect(Object.fromEntries(rawHeaders)).toMatchObject({ bytes })
    expect(rawHeaders.map(([name]) => name)).toEqual(['text', 'bytes', 'empty'])
  })

  test('null is null', async () => {
    const { headers, rawHeaders } = await roundTrip({ nothing: null })
    expect(headers).toEqual({ nothing: null })
    expect(rawHeaders).toEqual([['nothing', null]])
  })

  test('of a repeated name the text is the last, and all are there in their order', async () => {
    const { headers, rawHeaders } = await roundTrip([
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ])
    expect(headers).toEqual({ a: '3', b: '2' })
    expect(rawHeaders.map(([name, value]) => [name, Buffer.from(value!).toString()])).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ])
  })

  test('any name is only a name', async () => {
    const record = await roundTrip([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ])
    expect(Object.keys(record.headers)).toEqual(['__proto__', 'constructor'])
    expect(Object.entries(record.headers)).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ])
    expect(record.headers.toString).toBeUndefined()
    expect(JSON.stringify(record)).toContain('"headers":{"__proto__":"p","constructor":"c"}')
  })

  test('a record without any', async () => {
    await kafka.produce('orders', 1)
    const [record] = await kafka.consumer('orders').take(1).toArray()
    expect(record!.headers).toEqual({})
    expect(record!.rawHeaders).toEqual([])
  })

  test('rawHeaders can be sent on as they are', async () => {
    const sent: Headers = [
      ['a', bytes],
      ['a', null],
      ['__proto__', 'x'],
    ]
    const { rawHeaders } = await roundTrip(sent)
    await kafka.produce('copies', 1, { headers: rawHeaders })
    const [copy] = await kafka.consumer('copies').take(1).toArray()
    expect(copy!.rawHeaders).toEqual(rawHeaders)
  })
})

test('what a MockClient shows of a topic agrees with what a consumer reads', async () => {
  await using kafka = new MockClient()
  const headers: Headers = [
    ['a', bytes],
    ['a', null],
    ['__proto__', 'x'],
  ]
  await kafka.produce('orders', 1, { headers, timestamp: 8.64e15 })
  const [read] = await kafka.consumer('orders').take(1).toArray()
  const [shown] = await kafka.getMessages('orders')
  expect(shown!.headers).toEqual(read!.headers)
  expect(shown!.rawHeaders).toEqual(read!.rawHeaders)
  expect(shown!.timestamp).toEqual(read!.timestamp)
})
