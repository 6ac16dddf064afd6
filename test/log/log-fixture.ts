/** A partition log for tests: opening, killing, batches, and reading all there is. */
import type { LogConfig } from '../../src/broker/log/log-config.ts'
import { defaultLogConfig } from '../../src/broker/log/log-config.ts'
import { LogStore } from '../../src/broker/log/log-store.ts'
import type { PartitionLog } from '../../src/broker/log/partition-log.ts'
import { type OpenOptions, openPartitionLog } from '../../src/broker/log/recovery.ts'
import { CacheBudget } from '../../src/broker/log/tail-cache.ts'
import { Histogram } from '../../src/core/metrics.ts'
import { BatchBuilder, type BuildOptions } from '../../src/protocol/records/batch-builder.ts'
import { type BatchHeader, readBatches } from '../../src/protocol/records/record-batch.ts'
import { RecordCursor } from '../../src/protocol/records/record-reader.ts'
import type { FileSystem, Lock } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'

export const startMs = 1_700_000_000_000
export const folder = 'orders-0'

export type OpenLogOptions = Partial<OpenOptions> & { readonly log?: Partial<LogConfig> }

/** Opens `orders-0`; by default as after a crash, with no recovery point and nothing cached. */
export function openLog(
  fileSystem: FileSystem,
  { log, ...options }: OpenLogOptions = {},
): Promise<PartitionLog> {
  return openPartitionLog({
    fileSystem,
    runtime: new ManualRuntime(),
    topic: 'orders',
    partition: 0,
    config: { ...defaultLogConfig, ...log },
    cacheBudget: new CacheBudget(0),
    syncs: new Histogram('syncs', 'Syncs').at(),
    isClean: false,
    recoveryPoint: 0n,
    logStartOffset: 0n,
    ...options,
  })
}

export function openStore(
  fileSystem: FileSystem,
  runtime = new ManualRuntime(),
): Promise<LogStore> {
  return LogStore.open({
    fileSystem,
    runtime,
    flushIntervalMs: 1000,
    cleanupIntervalMs: 300_000,
    producerIdExpirationMs: 86_400_000,
  })
}

/** A file system whose lock does not outlive its process, so that a test may kill a store by dropping it. */
export function killableFileSystem(): FileSystem {
  const inner = createMemoryFileSystem()
  const lock = (): Lock => ({ release() {} })
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'lock') return lock
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export interface TestRecord {
  readonly key?: string | null
  readonly value?: string | null
  readonly timestampMs?: number
}

export function batchOf(records: readonly TestRecord[], options: BuildOptions = {}): Uint8Array {
  const builder = new BatchBuilder()
  for (const { key = null, value = null, timestampMs = startMs } of records)
    builder.append(timestampMs, key, value)
  return builder.build(options)
}

/** `count` records with one value. */
export function values(value: string, count = 1): Uint8Array {
  return batchOf(Array.from({ length: count }, () => ({ value })))
}

export function producerBatch(baseSequence: number, count = 1, options: BuildOptions = {}) {
  const records = Array.from({ length: count }, (_, i) => ({ value: `${baseSequence + i}` }))
  return batchOf(records, { producerId: 1n, producerEpoch: 0, baseSequence, ...options })
}

/** The marker that ends a transaction, as a coordinator writes it. */
export function marker(isCommit: boolean, producerId = 1n, producerEpoch = 0): Uint8Array {
  const builder = new BatchBuilder()
  builder.append(startMs, new Uint8Array([0, 0, 0, isCommit ? 1 : 0]), new Uint8Array(6))
  return builder.build({ isControl: true, isTransactional: true, producerId, producerEpoch })
}

export interface StoredRecord {
  readonly offset: bigint
  readonly key: string | null
  readonly value: string | null
}

export async function readAll(log: PartitionLog, maxBytes = 1_000_000): Promise<StoredRecord[]> {
  const found: StoredRecord[] = []
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const bytes = await log.read(offset, maxBytes, true, log.highWatermark)
    if (!bytes) break
    found.push(...recordsIn(bytes).filter((record) => record.offset >= offset))
    offset = headersIn(bytes).at(-1)!.lastOffset + 1n
  }
  return found
}

export function recordsIn(bytes: Uint8Array): StoredRecord[] {
  return headersIn(bytes).flatMap((header) => {
    const records: StoredRecord[] = []
    if (header.isControl) return records
    const cursor = new RecordCursor(bytes, header)
    while (cursor.next())
      records.push({ offset: cursor.offset, key: cursor.keyText(), value: cursor.valueText() })
    return records
  })
}

export function headersIn(bytes: Uint8Array | undefined): BatchHeader[] {
  return [...readBatches(bytes ?? new Uint8Array(0))]
}

export function contentOf(fileSystem: FileSystem, path: string): Uint8Array {
  const file = fileSystem.open(path)
  const bytes = file.readSync(0, file.size)
  file.close()
  return bytes
}

/** Changes a file behind the log's back. */
export function overwrite(fileSystem: FileSystem, path: string, content: Uint8Array): void {
  const file = fileSystem.open(path, { create: true })
  file.truncate(0)
  if (content.length > 0) file.write(content, 0)
  file.close()
}

export function flipBit(fileSystem: FileSystem, path: string, at: number): void {
  const content = contentOf(fileSystem, path)
  content[at]! ^= 1
  overwrite(fileSystem, path, content)
}

export function segmentPath(baseOffset: bigint, ending = 'log'): string {
  return `${folder}/${baseOffset.toString().padStart(20, '0')}.${ending}`
}

/** Lets everything that waits for no timer go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
}
