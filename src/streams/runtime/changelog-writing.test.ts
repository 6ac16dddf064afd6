/** How far files are said to be in the changelogs. */
import { expect, test } from 'vitest'
import { writeFiles } from './changelog-writing.ts'
import type { RunningTask } from './running-task.ts'

test('of a table whose topic is its changelog: where its own partition was committed, whatever the other tasks', async () => {
  const noted: unknown[] = []
  const files = {
    note: (store: string, position: bigint) => noted.push([store, position]),
    write: () => Promise.resolve(),
  }
  const spec = { name: 'users', changelog: 'source', source: 'users' }
  const task = { partition: 1, files, stores: new Map([['users', { spec }]]) }
  const running = { task, stored: new Map() } as unknown as RunningTask
  const offsets = [
    { topic: 'users', partition: 0, offset: 9n },
    { topic: 'users', partition: 1, offset: 4n },
  ]
  await writeFiles(running, offsets)
  expect(noted).toEqual([['users', 4n]])
})
