import { describe, expect, test } from 'vitest'
import { json, type Serializer, string } from '../../client/serializer.ts'
import { Undo } from '../task/undo.ts'
import { changesOf } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { VersionedStore } from './versioned-store.ts'

function open(): VersionedStore {
  const spec: StoreSpec = {
    kind: 'versioned',
    name: 'store',
    key: string as Serializer<unknown>,
    value: json(),
    retentionMs: 10,
    changelog: 'own',
  }
  return new VersionedStore(spec, new Undo())
}

function log(store: VersionedStore): (readonly [value: unknown, timestampMs: number])[] {
  return changesOf(store).map(({ value, timestampMs }) => [value, timestampMs])
}

describe('a versioned store', () => {
  test('says what was valid at a time', () => {
    const store = open()
    store.put('a', 'x', 100)
    store.put('a', null, 104)
    store.put('a', 'y', 106)
    expect(store.get('a')?.value).toBe('y')
    expect([99, 100, 103, 104, 106].map((time) => store.get('a', time)?.value)).toEqual([
      undefined,
      'x',
      'x',
      undefined,
      'y',
    ])
  })

  test('takes in the past as far as its history goes, and knows what is newest', () => {
    const store = open()
    store.put('a', 'x', 100)
    expect(store.put('a', 'w', 90)).toBe(true)
    expect(store.isNewest('a', 90)).toBe(false)
    expect(store.put('b', 'w', 89)).toBe(false)
    expect(store.get('a', 95)?.value).toBe('w')
    expect(store.get('a')?.value).toBe('x')
  })

  test('knows a value that has never changed since, however old', () => {
    const store = open()
    store.put('a', 'x', 1)
    store.put('b', 'y', 500)
    store.commit()
    expect(store.get('a', 3)?.value).toBe('x')
    expect(store.get('a')?.value).toBe('x')
  })

  test('writes the newest version behind one of the past: compaction keeps the last', () => {
    const store = open()
    store.put('a', 'x', 100)
    store.commit()
    store.put('a', 'w', 95)
    expect(log(store)).toEqual([
      ['"w"', 95],
      ['"x"', 100],
    ])
    store.commit()
    store.put('a', null, 97)
    expect(log(store)).toEqual([
      [null, 97],
      ['"x"', 100],
    ])
  })

  test('drops versions that the history does not reach, and keys that were deleted', () => {
    const store = open()
    store.put('a', 'v', 1)
    store.put('a', 'w', 2)
    store.put('b', 'x', 3)
    store.put('b', null, 4)
    store.put('c', 'y', 14)
    store.commit()
    // w and y.
    expect(store.size).toBe(2)
    expect([...store.entries()].map(([key, { value }]) => [key, value])).toEqual([
      ['a', 'w'],
      ['c', 'y'],
    ])
  })

  test('is restored from a topic that has null for what was deleted', () => {
    const store = open()
    const key = new TextEncoder().encode('a')
    store.restore(key, new TextEncoder().encode('"x"'), 5)
    store.restore(key, null, 8)
    expect(store.get('a')).toBeUndefined()
    expect(store.get('a', 6)?.value).toBe('x')
    store.put('a', 'y', 9)
    store.abort()
    expect(store.get('a')).toBeUndefined()
    expect(store.committed('a')).toBeUndefined()
  })
})
