/** Handles records in batches: as many as there are, up to a size, waiting a little for more. */
import type { Runtime } from '../../core/runtime.ts'
import type { ConsumerRecord } from './record.ts'
import type { HeldSource } from './record-workers.ts'

export interface BatchOptions {
  readonly size: number
  /** How long after its first record a batch waits for more, milliseconds. */
  readonly waitMs: number
  readonly runtime: Runtime
}

/** Resolves at the end of the source; rejects with the handler's error, none of its records handled. */
export async function handleBatches<V, K>(
  source: HeldSource<V, K>,
  options: BatchOptions,
  handle: (records: ConsumerRecord<V, K>[]) => unknown,
): Promise<void> {
  try {
    let hasMore = true
    while (hasMore) {
      const batch: ConsumerRecord<V, K>[] = []
      try {
        hasMore = await gather(source, options, batch)
        const handled = await handleOwned(source, batch, handle)
        for (const record of batch) source.settle(record, handled.has(record))
      } catch (error) {
        for (const record of batch) source.settle(record, false)
        throw error
      }
    }
  } finally {
    await source.stop()
  }
}

/**
 * Handles the records whose partitions are not being given up: those are for their next owner. Where the handler fails
 * because some have gone meanwhile, once more without them. Returns what was handled.
 */
async function handleOwned<V, K>(
  source: HeldSource<V, K>,
  batch: readonly ConsumerRecord<V, K>[],
  handle: (records: ConsumerRecord<V, K>[]) => unknown,
): Promise<ReadonlySet<ConsumerRecord<V, K>>> {
  for (;;) {
    const records = batch.filter((record) => !source.isRevoking(record))
    if (records.length === 0) return new Set()
    try {
      await handle(records)
      return new Set(records)
    } catch (error) {
      if (records.some((record) => source.lostToOther(record, error))) continue
      source.stopsFor(records[0]!, error)
      throw error
    }
  }
}

/** Fills the batch; false at the end of the source. */
async function gather<V, K>(
  source: HeldSource<V, K>,
  { size, waitMs, runtime }: BatchOptions,
  batch: ConsumerRecord<V, K>[],
): Promise<boolean> {
  let isDue = false
  let onDue: () => void = () => undefined
  const due = new Promise<void>((resolve) => {
    onDue = resolve
  })
  let timer: { cancel(): void } | undefined
  try {
    while (batch.length < size && !isDue) {
      const record = source.takeHeld()
      if (record) {
        batch.push(record)
        timer ??= runtime.setTimer(waitMs, () => {
          isDue = true
          onDue()
        })
        continue
      }
      const ready = source.ready()
      const hasMore = await (batch.length === 0 ? ready : Promise.race([ready, due]))
      if (hasMore === false) return false
    }
    return true
  } finally {
    timer?.cancel()
  }
}
