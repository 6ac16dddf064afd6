/** What stores of windows write to their changelogs: the keys of Kafka Streams, last value of each, tombstones of what is over. */
import { expect, test } from 'vitest'
import { OneProcess } from '../../../test/streams/one-process.ts'
import { type SessionWindow, type TimeWindow, Window } from '../windows.ts'

const at = (key: string, timestamp: number) => ({ key, value: 1, timestamp })

function counting(window: TimeWindow | SessionWindow): OneProcess {
  return new OneProcess((builder) => {
    const group = builder.stream<number>('in').groupByKey()
    const options = { store: 'counts' }
    const table =
      window.kind === 'session'
        ? group.window(window).count(options)
        : group.window(window).count(options)
    table.to('out')
  })
}

const entries = (process: OneProcess) =>
  process
    .changelog('counts')
    .map(([key, value, timestamp]) => [
      Buffer.from(key).toString('hex'),
      String.fromCharCode(...value),
      timestamp,
    ])

test('key ‖ start ‖ 0 of windows', async () => {
  for (const window of [Window.tumbling('256ms'), Window.sliding('5ms', { grace: '1s' })]) {
    const process = counting(window)
    await process.send(at('k', window.kind === 'sliding' ? 261 : 257), at('k', 261))
    process.commit()
    const [first] = entries(process)
    expect(first).toEqual(['6b000000000000010000000000', '2', 261])
  }
})

test('key ‖ end ‖ start of sessions', async () => {
  const process = counting(Window.session('10ms'))
  await process.send(at('k', 256), at('k', 258))
  process.commit()
  expect(entries(process)).toEqual([['6b00000000000001020000000000000100', '2', 258]])
  await process.send(at('k', 260))
  process.commit()
  expect(entries(process)).toEqual([['6b00000000000001040000000000000100', '3', 260]])
})

test.each([
  ['tumbling', Window.tumbling('10ms')],
  ['sliding', Window.sliding('9ms')],
  ['session', Window.session('9ms')],
] as const)('what is over is deleted, and back when that is aborted: %s', async (_kind, window) => {
  const process = counting(window)
  await process.send(at('a', 5))
  process.commit()
  const before = entries(process)
  await process.send(at('b', 500))
  process.abort()
  process.commit()
  expect(entries(process)).toEqual(before)
  await process.send(at('a', 6))
  expect(String(process.outputs.at(-1)!.value)).not.toBe('undefined')
  expect(process.outputs.some(({ value }) => String(value) === '2')).toBe(true)
  await process.send(at('b', 500))
  process.commit()
  expect(entries(process).filter(([key]) => String(key).startsWith('61'))).toEqual([])
})

test('retention keeps windows longer than they are open', async () => {
  for (const window of [Window.tumbling('10ms'), Window.session('10ms')]) {
    const process = new OneProcess((builder) => {
      const group = builder.stream<number>('in').groupByKey()
      const options = { store: 'counts', retention: '100ms' } as const
      const table =
        window.kind === 'session'
          ? group.window(window).count(options)
          : group.window(window).count(options)
      table.final().to('out')
    })
    await process.send(at('a', 5), at('b', 90))
    process.commit()
    expect(entries(process)).toHaveLength(2)
    process.restart()
    // Told of already.
    await process.send(at('b', 95))
    expect(process.outputs).toHaveLength(1)
    await process.send(at('b', 150))
    process.commit()
    expect(entries(process).filter(([key]) => String(key).startsWith('61'))).toEqual([])
  }
})
