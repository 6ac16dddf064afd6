/**
 * The partition log without a broker: appending ready 64 KiB batches, and one small append with its sync beside the
 * machine's own fdatasync, measured turn by turn in the same run.
 */
import { closeSync, fdatasync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { defaultLogConfig } from '../dist/broker/log/log-config.js'
import { openPartitionLog } from '../dist/broker/log/recovery.js'
import { CacheBudget } from '../dist/broker/log/tail-cache.js'
import { createRuntime } from '../dist/core/runtime.js'
import { BatchBuilder } from '../dist/protocol/records/batch-builder.js'
import { createNodeFileSystem } from '../dist/storage/node-file-system.js'
import { measure, median, report, temporaryFolder } from './measure.js'

const batchBytes = 64 * 1024
const appendedBytes = 256 * 1024 * 1024
const value = new Uint8Array(1000).fill(120)
let opened = 0

function openLog() {
  return openPartitionLog({
    fileSystem: createNodeFileSystem(temporaryFolder()),
    runtime: createRuntime(),
    topic: 'bench',
    partition: opened++,
    config: defaultLogConfig,
    cacheBudget: new CacheBudget(32 * 1024 * 1024),
    isClean: false,
    recoveryPoint: 0n,
    logStartOffset: 0n,
  })
}

/** @param {number} bytes */
function batchOf(bytes) {
  const builder = new BatchBuilder()
  while (builder.sizeInBytes + value.length + 40 < bytes) builder.append(Date.now(), null, value)
  return builder.build()
}

const template = batchOf(batchBytes)
await measure('log append, 64 KiB batches', { unit: 'MB/s', atLeast: 400 }, async () => {
  const log = await openLog()
  const rounds = Math.round(appendedBytes / template.length)
  // The log keeps what it is given, so every append gets bytes of its own, made outside the measured time.
  const batches = Array.from({ length: 256 }, () => template.slice())
  let elapsedMs = 0
  for (let done = 0; done < rounds; done += batches.length) {
    const start = performance.now()
    for (const batch of batches) log.append(batch)
    elapsedMs += performance.now() - start
    for (let i = 0; i < batches.length; i++) batches[i] = template.slice()
  }
  const bytes = Math.ceil(rounds / batches.length) * batches.length * template.length
  log.abandon()
  return bytes / 1000 / elapsedMs
})

const rawSync = promisify(fdatasync)
const descriptor = openSync(join(temporaryFolder(), 'raw'), 'w')
const block = Buffer.alloc(4096, 1)
const small = batchOf(4096)
const log = await openLog()
const ratios = []
const ownTimes = []
const rawTimes = []
for (let run = 0; run < 6; run++) {
  const own = []
  const raw = []
  for (let i = 0; i < 200; i++) {
    const rawStart = performance.now()
    writeSync(descriptor, block)
    await rawSync(descriptor)
    raw.push(performance.now() - rawStart)
    const bytes = small.slice()
    const ownStart = performance.now()
    const { lastOffset } = log.append(bytes)
    await log.whenSynced(lastOffset + 1n)
    own.push(performance.now() - ownStart)
  }
  // The first run warms up.
  if (run === 0) continue
  ownTimes.push(median(own))
  rawTimes.push(median(raw))
  ratios.push(median(own) / median(raw))
}
closeSync(descriptor)
await log.close()
report('raw fdatasync of 4 KiB, p50', rawTimes, { unit: 'ms' })
report('log append and whenSynced of 4 KiB, p50', ownTimes, { unit: 'ms' })
report('append and whenSynced / raw fdatasync', ratios, { unit: 'times', atMost: 3 })
