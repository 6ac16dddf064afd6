/**
 * Reads records until there are no more, or enough.
 *
 * Without a group each partition is read from its start up to its end. With a group, its share of the partitions is read from
 * where it is until it has come as far as the ends that were looked up; all that comes is handed on, as all of it is committed.
 */

import type { Consumer } from '../../client/consumer/consumer.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { bytes } from '../../client/serializer.ts'
import { topic as topicOf } from '../../client/topic.ts'
import type { Timer } from '../../core/runtime.ts'
import type { Client } from '../../entry/client.ts'
import type { BytesRecord } from '../records/record-text.ts'
import type { Io } from '../shell/io.ts'
import type { Bounds } from './bounds.ts'

/** How often it is looked whether the ends have been passed by what is no record (the marks of transactions, compaction). */
const lookEveryMs = 50

export interface Reading {
  readonly topics: readonly string[]
  readonly bounds: readonly Bounds[]
  readonly group: string | undefined
  /** Of a group that has committed nothing, and of partitions that are yet to come; undefined: it is a number of records. */
  readonly from: Offset | undefined
  /** Only these partitions, of which the group is no member. */
  readonly hasPartitions: boolean
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly limit: number
  readonly accept: (record: BytesRecord) => boolean
  /** It may wait. */
  readonly handle: (record: BytesRecord) => undefined | Promise<void>
  /** Of each record that is looked at. */
  readonly seen: (record: BytesRecord) => void
}

type BytesConsumer = Consumer<Uint8Array | null, Uint8Array>

export async function readAll(client: Client, reading: Reading, io: Io): Promise<void> {
  const open = reading.bounds.filter(({ start, end }) => end === undefined || start < end)
  const isEmpty = open.length === 0 && reading.group === undefined
  if (isEmpty || reading.limit === 0) return
  const ended = new AbortController()
  const end = () => ended.abort()
  io.signal.addEventListener('abort', end, { once: true })
  const consumer = consumerOf(client, reading, open, ended.signal)
  const ends = new Ends(reading, consumer)
  let timer: Timer | undefined
  const look = () => {
    if (ends.arePassed()) return end()
    timer = io.runtime.setTimer(lookEveryMs, look)
  }
  try {
    if (reading.bounds.every((one) => one.end !== undefined)) {
      await consumer.ready()
      look()
    }
    await consumer
      .filter((record) => {
        // What came while the consumer was told to end.
        if (reading.group === undefined && ended.signal.aborted) return false
        const isWanted = ends.isBefore(record)
        if (isWanted) reading.seen(record)
        if (reading.group === undefined && ends.areReached) end()
        return isWanted && reading.accept(record)
      })
      .take(reading.limit)
      .forEach(reading.handle)
  } finally {
    timer?.cancel()
    io.signal.removeEventListener('abort', end)
  }
}

function consumerOf(
  client: Client,
  { topics, group, from, hasPartitions, isolation }: Reading,
  open: readonly Bounds[],
  signal: AbortSignal,
): BytesConsumer {
  const typed = topics.map((name) =>
    topicOf<Uint8Array | null, Uint8Array>(name, { key: bytes, value: bytes as never }),
  )
  const common = { isolation, signal, offset: from, ...(group !== undefined && { group }) }
  // Without an end, partitions that come later belong to it.
  const isOpen =
    open.every(({ end }) => end === undefined) && from !== undefined && from.kind !== 'at'
  if (!hasPartitions && (group !== undefined || isOpen)) return client.consumer(typed, common)
  const read = new Set(open.map(({ topic }) => topic))
  return client.consumer(
    typed.filter(({ name }) => read.has(name)),
    {
      ...common,
      partitions: open.map(({ topic, partition, start }) => ({
        ...{ topic, partition, offset: group === undefined ? Offset.at(start) : from },
      })),
    },
  )
}

/** How far it is to the ends. */
class Ends {
  readonly #consumer: BytesConsumer
  readonly #isGroup: boolean
  readonly #ends: ReadonlyMap<string, bigint | undefined>
  /** Partitions whose end is not reached. */
  readonly #left: Set<string>

  constructor({ bounds, group }: Reading, consumer: BytesConsumer) {
    this.#consumer = consumer
    this.#isGroup = group !== undefined
    this.#ends = new Map(bounds.map((one) => [keyOf(one), one.end]))
    this.#left = new Set(
      bounds.filter(({ start, end }) => end === undefined || start < end).map(keyOf),
    )
  }

  get areReached(): boolean {
    return this.#left.size === 0
  }

  /** Whether it is to be read; notes that an end is reached. */
  isBefore(record: BytesRecord): boolean {
    if (this.#isGroup) return true
    const key = keyOf(record)
    const end = this.#ends.get(key)
    if (end === undefined) return true
    if (record.offset + 1n >= end) this.#reached(record)
    return record.offset < end
  }

  /** Also by what is no record. */
  arePassed(): boolean {
    const positions = this.#consumer.positions()
    if (this.#isGroup) {
      return positions.every((one) => {
        const end = this.#ends.get(keyOf(one))
        return end === undefined || (one.position !== undefined && one.position >= end)
      })
    }
    for (const one of positions) {
      const end = this.#ends.get(keyOf(one))
      if (end !== undefined && one.position !== undefined && one.position >= end) this.#reached(one)
    }
    return this.areReached
  }

  #reached({ topic, partition }: { readonly topic: string; readonly partition: number }): void {
    const isNew = this.#left.delete(keyOf({ topic, partition }))
    // The others may have a long way to go.
    if (isNew && this.#left.size > 0) this.#consumer.pause([{ topic, partition }])
  }
}

function keyOf({
  topic,
  partition,
}: {
  readonly topic: string
  readonly partition: number
}): string {
  return `${topic}-${partition}`
}
