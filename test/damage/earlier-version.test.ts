/** A data folder that was written before there were checksums for the aborted index and meta.properties. */
import { expect, test } from 'vitest'
import type { Logger } from '../../src/core/runtime.ts'
import { readCommitted } from '../broker/committed-reader.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { openTestBroker } from '../broker/test-broker.ts'
import { contentOf, overwrite } from '../log/log-fixture.ts'
import { copyOf, dataFolder, topic } from './data-folder.ts'

test('opens without a word, is read as it was, and has them after it is closed', async () => {
  const folder = await dataFolder('closed')
  const fileSystem = copyOf(folder.files)
  fileSystem.remove(`${topic}-0/txnindex-checksums`)
  const meta = new TextDecoder().decode(contentOf(fileSystem, 'meta.properties'))
  const clusterId = /cluster\.id=(\S+)/.exec(meta)![1]
  const earlier = meta.replace(/crc32c=.*\n/, '')
  overwrite(fileSystem, 'meta.properties', new TextEncoder().encode(earlier))
  const lines: string[] = []
  const note = (_fields: object, message: string) => void lines.push(message)
  const logger: Logger = { debug() {}, info() {}, warn: note, error: note }
  const opened = await openTestBroker({ fileSystem, runtime: new ManualRuntime(logger) })
  expect(opened.broker.clusterId).toBe(clusterId)
  const values = [...folder.records.values()].filter((value) => !folder.aborted.has(value))
  expect(await readCommitted(opened, topic)).toEqual(values)
  await opened.broker.close()
  expect(lines).toEqual([])
  expect(fileSystem.list(`${topic}-0`)).toContain('txnindex-checksums')
})
