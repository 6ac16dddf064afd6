/** The partition log by itself: appends of ready 64 KiB batches on the machine's disk. */
import { join } from 'node:path'
import { measure, temporaryFolder } from './measure.js'
import { defaultLogConfig } from './modules/broker/log/log-config.js'
import { LogStore } from './modules/broker/log/log-store.js'
import { createRuntime } from './modules/core/runtime.js'
import { BatchBuilder } from './modules/protocol/records/batch-builder.js'
import { createNodeFileSystem } from './modules/storage/node-file-system.js'

const batchBytes = 64 * 1024
const totalBytes = 512 * 1024 * 1024

const builder = new BatchBuilder()
const value = 'x'.repeat(900)
while (builder.sizeInBytes + 1000 < batchBytes) builder.append(1_700_000_000_000, null, value)
const batch = builder.build()
// A log keeps the bytes it is given, so each append has bytes of its own, made beforehand.
const batches = Array.from({ length: Math.floor(totalBytes / batch.length) }, () => batch.slice())

const store = await LogStore.open({
  fileSystem: createNodeFileSystem(join(temporaryFolder(), 'log')),
  runtime: createRuntime(),
  flushIntervalMs: 1000,
  cleanupIntervalMs: 300_000,
  producerIdExpirationMs: 86_400_000,
})

/** @param {boolean} syncs */
async function append(syncs) {
  const name = syncs ? 'synced' : 'written'
  const log = await store.openLog(name, 0, defaultLogConfig)
  const start = performance.now()
  for (const bytes of batches) log.append(bytes.slice())
  if (syncs) await log.whenSynced()
  const seconds = (performance.now() - start) / 1000
  await log.whenSynced()
  await store.deleteLogs([{ topic: name, partition: 0 }])
  return (batches.length * batch.length) / 1e6 / seconds
}

await measure('append of 64 KiB batches, in the OS', { unit: 'MB/s', atLeast: 400 }, () =>
  append(false),
)
await measure('append of 64 KiB batches, then one sync', { unit: 'MB/s' }, () => append(true))
await store.close()
