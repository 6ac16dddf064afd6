import { expect, test } from 'vitest'
import { ProduceLine } from './produce-line.ts'

interface Posted {
  readonly body: number[]
  readonly answer: (...frames: number[]) => void
  readonly end: () => void
  readonly fail: (error: Error) => void
  readonly signal: AbortSignal
}

function open() {
  const posted: Posted[] = []
  const line = new ProduceLine(
    (body, onFrame, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        posted.push({
          body: [...body],
          answer: (...frames) => {
            for (const frame of frames) onFrame(new Uint8Array([frame]))
          },
          end: resolve,
          fail: reject,
          signal,
        })
      }),
    (unanswered) => new Error(`${unanswered} unanswered`),
  )
  const send = (frame: number, { hasAnswer = true, signal = new AbortController().signal } = {}) =>
    line.send({ frame: new Uint8Array([frame]), hasAnswer, signal })
  return { posted, send }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('one POST at a time, and the next takes along what came meanwhile, in order', async () => {
  const { posted, send } = open()
  const first = [send(1), send(2)]
  await turn()
  const second = [send(3), send(4), send(5)]
  await turn()
  expect(posted.map(({ body }) => body)).toEqual([[1, 2]])
  posted[0]!.answer(11, 12)
  expect(await Promise.all(first)).toEqual([new Uint8Array([11]), new Uint8Array([12])])
  posted[0]!.end()
  await turn()
  expect(posted.map(({ body }) => body)).toEqual([
    [1, 2],
    [3, 4, 5],
  ])
  posted[1]!.answer(13, 14, 15)
  posted[1]!.end()
  expect(await Promise.all(second)).toHaveLength(3)
})

test('one without an answer is done when its POST is', async () => {
  const { posted, send } = open()
  const all = [send(1, { hasAnswer: false }), send(2)]
  await turn()
  posted[0]!.answer(12)
  posted[0]!.end()
  expect(await Promise.all(all)).toEqual([undefined, new Uint8Array([12])])
})

test('answers that do not come are an error, and the line goes on', async () => {
  const { posted, send } = open()
  const all = [send(1), send(2)]
  await turn()
  posted[0]!.answer(11)
  posted[0]!.end()
  expect(await all[0]).toEqual(new Uint8Array([11]))
  await expect(all[1]).rejects.toThrow('1 unanswered')
  const next = send(3)
  await turn()
  posted[1]!.fail(new Error('lost'))
  await expect(next).rejects.toThrow('lost')
  const last = send(4)
  await turn()
  posted[2]!.answer(14)
  posted[2]!.end()
  expect(await last).toEqual(new Uint8Array([14]))
})

test('a POST that nobody waits for any more is given up; one that somebody waits for is not', async () => {
  const { posted, send } = open()
  const one = new AbortController()
  const other = new AbortController()
  const both = [send(1, { signal: one.signal }), send(2, { signal: other.signal })]
  for (const sent of both) sent.catch(() => undefined)
  await turn()
  one.abort()
  expect(posted[0]!.signal.aborted).toBe(false)
  other.abort()
  expect(posted[0]!.signal.aborted).toBe(true)
  const next = send(3)
  await turn()
  posted[1]!.answer(13)
  posted[1]!.end()
  expect(await next).toEqual(new Uint8Array([13]))
})
