import { describe, expect, test } from 'vitest'
import { json, type Serializer, string } from '../../client/serializer.ts'
import { Undo } from '../task/undo.ts'
import { changesOf } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { TimelineStore } from './timeline-store.ts'

function open(retentionMs?: number) {
  const undo = new Undo()
  const spec: StoreSpec = {
    kind: 'timeline',
    name: 'store',
    key: string as Serializer<unknown>,
    value: json(),
    retentionMs,
    changelog: 'own',
  }
  return { store: new TimelineStore(spec, undo), undo }
}

function values(store: TimelineStore, key = 'a'): unknown[] {
  return store.range(key, 0, 1_000_000).map(({ value }) => value)
}

describe('a timeline store', () => {
  test('has any number of values for a key and a time, in the order in which they came', () => {
    const { store } = open()
    expect([store.add('a', 7, 'x'), store.add('a', 7, 'y'), store.add('b', 7, 'z')]).toEqual([
      0, 1, 0,
    ])
    store.add('a', 3, 'w')
    expect(values(store)).toEqual(['w', 'x', 'y'])
    expect(store.range('a', 4, 7).map(({ timeMs, sequence }) => [timeMs, sequence])).toEqual([
      [7, 0],
      [7, 1],
    ])
  })

  test('writes key, time and number to the changelog, big endian', () => {
    const { store } = open()
    store.add('é', 0x1_0000_0002, 'x')
    const [entry] = changesOf(store)
    expect(entry).toEqual({
      key: Uint8Array.of(0xc3, 0xa9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0),
      value: '"x"',
      timestampMs: 0x1_0000_0002,
    })
    const { store: restored } = open()
    restored.restore(entry!.key as Uint8Array, new TextEncoder().encode('"x"'), 0x1_0000_0002)
    expect(restored.range('é', 0, 2 ** 40)).toEqual([
      { key: 'é', timeMs: 0x1_0000_0002, sequence: 0, value: 'x' },
    ])
  })

  test('does not find what is older than its retention, and removes it from the changelog too', () => {
    const { store } = open(10)
    store.add('a', 1, 'x')
    store.add('b', 5, 'y')
    store.commit()
    store.add('b', 11, 'z')
    expect(values(store)).toEqual([])
    expect(store.keeps(1)).toBe(false)
    expect(store.keeps(2)).toBe(true)
    store.add('b', 100, 'w')
    const removed = changesOf(store).filter(({ value }) => value === null)
    expect(removed.map(({ timestampMs }) => timestampMs)).toEqual([1, 5])
    expect(store.size).toBe(1)
  })

  test('is as it was, once a record is undone', () => {
    const { store, undo } = open(10)
    store.add('a', 1, 'x')
    undo.clear()
    store.add('a', 50, 'y')
    expect(store.size).toBe(1)
    undo.run()
    expect(values(store)).toEqual(['x'])
    expect(store.lastTime).toBe(1)
    expect(store.through(100)).toHaveLength(1)
  })

  test('is as it was at the last commit, once it is aborted', () => {
    const { store } = open(10)
    store.add('a', 1, 'x')
    store.add('a', 2, 'y')
    store.commit()
    store.remove({ key: 'a', timeMs: 2, sequence: 0 })
    store.add('c', 40, 'z')
    store.abort()
    expect(values(store)).toEqual(['x', 'y'])
    expect(store.through(100).map(({ value }) => value)).toEqual(['x', 'y'])
    expect(store.hasChanges()).toBe(false)
  })

  test('goes through everything by time, then key, also after the last time was taken back', () => {
    const { store, undo } = open()
    store.add('b', 5, 1)
    store.add('a', 5, 2)
    store.add('c', 2, 3)
    undo.clear()
    expect(store.through(5).map(({ key }) => key)).toEqual(['c', 'a', 'b'])
    store.remove({ key: 'c', timeMs: 2, sequence: 0 })
    store.remove({ key: 'a', timeMs: 5, sequence: 0 })
    store.remove({ key: 'b', timeMs: 5, sequence: 0 })
    expect(store.through(5)).toEqual([])
    expect(store.lastTime).toBeUndefined()
    store.add('d', 4, 4)
    expect(store.through(9).map(({ key }) => key)).toEqual(['d'])
  })
})
