import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FileSystem } from '../../storage/file-system.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'
import { readCheckpoint } from './checkpoint-file.ts'
import { LeaderEpochs } from './leader-epochs.ts'

interface Start {
  readonly epoch: number
  readonly startOffset: bigint
}

function opened(fileSystem: FileSystem): LeaderEpochs {
  const path = 'leader-epoch-checkpoint'
  return new LeaderEpochs(fileSystem, path, readCheckpoint(fileSystem, path))
}

/**
 * What Apache Kafka's cache of epochs answers: it keeps a sorted map of where they start, and cuts it when the log's start
 * rises, so that the epoch that holds the start begins there.
 */
function expectedEnd(starts: readonly Start[], epoch: number, logStart: bigint, logEnd: bigint) {
  const gone = starts.filter(({ startOffset }) => startOffset <= logStart)
  const cut = gone.length > 0 ? [{ epoch: gone.at(-1)!.epoch, startOffset: logStart }] : []
  const kept = [...cut, ...starts.slice(gone.length)]
  if (epoch === -1) return undefined
  if (epoch === kept.at(-1)!.epoch) return { epoch, endOffset: logEnd }
  const higher = kept.find((start) => start.epoch > epoch)
  if (!higher) return undefined
  const floor = kept.findLast((start) => start.epoch <= epoch)
  return { epoch: floor?.epoch ?? epoch, endOffset: higher.startOffset }
}

/** Epochs that begin one after the other, some where the last one began; a log that begins and ends somewhere. */
const histories = fc.record({
  steps: fc.array(fc.record({ skip: fc.integer({ min: 1, max: 3 }), records: fc.nat(3) }), {
    minLength: 1,
    maxLength: 8,
  }),
  tail: fc.nat(3),
  startAt: fc.double({ min: 0, max: 1, noNaN: true }),
})

test('tells the ends of epochs as Apache Kafka does, also after a restart', async () => {
  const property = fc.asyncProperty(histories, async ({ steps, tail, startAt }) => {
    const fileSystem = createMemoryFileSystem()
    const epochs = opened(fileSystem)
    let starts: Start[] = []
    let epoch = -1
    let end = 0n
    for (const { skip, records } of steps) {
      epoch += skip
      epochs.begin(epoch, end)
      await epochs.save()
      const startOffset = end
      starts = [...starts.filter((one) => one.startOffset < startOffset), { epoch, startOffset }]
      end += BigInt(records)
    }
    end += BigInt(tail)
    const logStart = BigInt(Math.round(Number(end) * startAt))
    const reopened = opened(fileSystem)
    for (let asked = -2; asked <= epoch + 2; asked++) {
      const expected = expectedEnd(starts, asked, logStart, end)
      expect(epochs.endOf(asked, logStart, end)).toEqual(expected)
      expect(reopened.endOf(asked, logStart, end)).toEqual(expected)
    }
  })
  await fc.assert(property, { numRuns: 500 })
})

describe('a log that has noted no epoch', () => {
  const epochs = () => opened(createMemoryFileSystem())

  test('is in its first, which ends where the log ends', () => {
    expect(epochs().endOf(0, 3n, 7n)).toEqual({ epoch: 0, endOffset: 7n })
    expect(epochs().endOf(1, 3n, 7n)).toBeUndefined()
    expect(epochs().endOf(-1, 3n, 7n)).toBeUndefined()
  })

  test('had it before the first that it notes', () => {
    const first = epochs()
    first.begin(1, 5n)
    expect(first.endOf(0, 3n, 7n)).toEqual({ epoch: 0, endOffset: 5n })
  })
})
