import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { onAbort } from './abort.ts'

test('all who wait are told once, those who went away are not', () => {
  const controller = new AbortController()
  const told: string[] = []
  const listener = () => void told.push('twice')
  onAbort(controller.signal, () => void told.push('a'))
  const stop = onAbort(controller.signal, () => void told.push('b'))
  onAbort(controller.signal, listener)
  onAbort(controller.signal, listener)
  stop()
  stop()
  controller.abort()
  controller.abort()
  expect(told).toEqual(['a', 'twice', 'twice'])
  onAbort(controller.signal, () => void told.push('late'))
  onAbort(undefined, () => void told.push('never'))
  expect(told).toHaveLength(3)
})

test('a signal has one listener, and none when nobody waits', () => {
  const { signal } = new AbortController()
  const stops = Array.from({ length: 100 }, () => onAbort(signal, () => undefined))
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  for (const stop of stops) stop()
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  onAbort(signal, () => undefined)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
})
