/** The index of aborted transactions after crashes: what it lost, or half wrote, is made anew from the log. */
import { expect, test } from 'vitest'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { contentOf, folder, marker, openLog, overwrite, producerBatch } from './log-fixture.ts'

const path = `${folder}/${'0'.repeat(20)}.txnindex`
const entryBytes = 34
const transactional = { isTransactional: true }

/** Producer 7 aborts what it writes at 0, 2 and 4. */
async function withThreeAborts() {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem)
  for (let i = 0; i < 3; i++) {
    log.append(producerBatch(i, 1, { ...transactional, producerId: 7n }))
    log.append(marker(false, 7n), 'broker')
  }
  await log.whenSynced()
  const aborted = [0n, 2n, 4n].map((firstOffset) => ({ producerId: 7n, firstOffset }))
  expect(log.abortedTransactions(0n, 6n)).toEqual(aborted)
  return { fileSystem, aborted, index: contentOf(fileSystem, path) }
}

test('any part of it that a crash has left empty is made anew', async () => {
  const { fileSystem, aborted, index } = await withThreeAborts()
  for (let from = 0; from <= index.length; from += 2) {
    for (let to = from; to <= index.length; to += 2) {
      overwrite(fileSystem, path, index.slice().fill(0, from, to))
      const log = await openLog(fileSystem)
      expect(log.abortedTransactions(0n, 6n), `zeros in ${from}–${to}`).toEqual(aborted)
      await log.close()
      const reopened = await openLog(fileSystem, { isClean: true })
      expect(reopened.abortedTransactions(0n, 6n)).toEqual(aborted)
      await reopened.close()
    }
  }
})

test('cut off anywhere, it is completed', async () => {
  const { fileSystem, aborted, index } = await withThreeAborts()
  for (let length = 0; length <= index.length; length += entryBytes / 2) {
    overwrite(fileSystem, path, index.slice(0, length))
    const log = await openLog(fileSystem)
    expect(log.abortedTransactions(0n, 6n)).toEqual(aborted)
    await log.close()
  }
})

test('what was cut off with the end of the log is forgotten', async () => {
  const { fileSystem, aborted } = await withThreeAborts()
  const content = contentOf(fileSystem, path.replace('txnindex', 'log'))
  overwrite(fileSystem, path.replace('txnindex', 'log'), content.slice(0, -1))
  const log = await openLog(fileSystem)
  expect(log.logEndOffset).toBe(5n)
  expect(log.abortedTransactions(0n, 6n)).toEqual(aborted.slice(0, 2))
  expect(log.lastStableOffset).toBe(4n)
})
