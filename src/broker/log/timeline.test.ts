import { expect, test } from 'vitest'
import { type TimedOffset, Timeline } from './timeline.ts'

/** A batch of ten records, but for one that says otherwise. */
function batch(offset: number, timestampMs: number, arrivedMs = timestampMs): TimedOffset {
  return { offset: BigInt(offset), nextOffset: BigInt(offset + 10), timestampMs, arrivedMs }
}

test('tells when the record at an offset came, as finely as its points lie', () => {
  const timeline = new Timeline()
  expect(timeline.at(0n)).toBeUndefined()
  timeline.appended(batch(0, 5000, 10_000))
  timeline.appended(batch(10, 6000, 11_000))
  // So soon after the last point that it is none of its own, but the newest all the same.
  timeline.appended(batch(20, 6050, 11_050))
  expect(timeline.newest).toEqual(batch(20, 6050, 11_050))
  expect(timeline.at(3n)).toEqual({ point: batch(0, 5000, 10_000), isNear: true })
  expect(timeline.at(19n)?.point.timestampMs).toBe(6000)
  expect(timeline.at(25n)?.point.timestampMs).toBe(6050)
})

test('is bounded, and still reaches from the first append to the last', () => {
  const timeline = new Timeline()
  const appends = 100_000
  for (let i = 0; i < appends; i++) timeline.appended(batch(i * 10, i * 1000))
  expect(timeline.at(0n)?.point.offset).toBe(0n)
  let seen = 0
  let last = -1n
  for (let offset = 0n; offset < appends * 10; offset += 500n) {
    const { point } = timeline.at(offset)!
    expect(point.offset).toBeLessThanOrEqual(offset)
    // A step is a small part of the whole.
    expect(offset - point.offset).toBeLessThan(BigInt((appends * 10) / 16))
    if (point.offset !== last) seen++
    last = point.offset
  }
  expect(seen).toBeLessThanOrEqual(64)
})

test('a step that is long asks for a look into the log, whose finding is kept', () => {
  const timeline = new Timeline()
  timeline.note(batch(0, 0))
  expect(timeline.at(500n)).toBeUndefined()
  timeline.note(batch(1000, 3_600_000), { isNewest: true })
  expect(timeline.at(500n)).toMatchObject({ point: { offset: 0n }, isNear: false })
  timeline.note(batch(500, 1_800_000))
  timeline.note(batch(500, 1))
  expect(timeline.at(505n)).toMatchObject({ point: { timestampMs: 1_800_000 }, isNear: true })
  expect(timeline.at(600n)).toMatchObject({ point: { timestampMs: 1_800_000 }, isNear: false })
})

test('what is gone from the log is forgotten, but for what tells of the records that follow', () => {
  const timeline = new Timeline()
  for (let i = 0; i < 5; i++) timeline.appended(batch(i * 10, i * 1000))
  timeline.forgetBelow(25n)
  expect(timeline.at(5n)).toBeUndefined()
  expect(timeline.at(25n)?.point.offset).toBe(20n)
})
