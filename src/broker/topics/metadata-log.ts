/**
 * What the broker must remember of itself, in the internal topic `__cluster_metadata`: JSON values with a version,
 * one key for each topic, one for producer ids.
 *
 *   topic/<name>   {"version":1,"id":"<uuid>","partitions":3,"configs":{…},"state":"live"|"deleting"}
 *   producer-ids   {"version":1,"next":"1000"}   ids from `next` on were never given out
 */
import { decodeUtf8 } from '../../core/bytes.ts'
import { CorruptDataError } from '../../core/errors.ts'
import type { LostRange } from '../log/lost-range.ts'
import type { KeyedLog } from './keyed-log.ts'

export interface TopicRecord {
  readonly id: string
  readonly partitions: number
  readonly configs: ReadonlyMap<string, string>
  /** `deleting`: gone for clients; its folders are being removed. */
  readonly state: 'live' | 'deleting'
}

const valueVersion = 1
const topicPrefix = 'topic/'
const producerIdsKey = 'producer-ids'

export class MetadataLog {
  readonly #log: KeyedLog
  readonly #topics = new Map<string, TopicRecord>()
  readonly #doubtful = new Set<string>()
  #nextProducerId = 0n
  #lost: readonly LostRange[] = []

  private constructor(log: KeyedLog) {
    this.#log = log
  }

  /** Throws `CorruptDataError` when a record cannot be understood, also when a newer version wrote it. */
  static async open(log: KeyedLog): Promise<MetadataLog> {
    const metadata = new MetadataLog(log)
    const offsets = new Map<string, bigint>()
    metadata.#lost = await log.replay({
      record: (key, value, { offset }) => {
        metadata.#apply(decodeUtf8(key), value && decodeUtf8(value))
        offsets.set(decodeUtf8(key), offset)
      },
    })
    const lostTo = metadata.#lost.at(-1)?.to ?? -1n
    for (const name of metadata.#topics.keys())
      if (offsets.get(topicPrefix + name)! < lostTo) metadata.#doubtful.add(name)
    return metadata
  }

  /** What is damaged, and so not known. */
  get lost(): readonly LostRange[] {
    return this.#lost
  }

  /** Whether something newer may have been said of a topic in what is damaged. */
  isDoubtful(name: string): boolean {
    return this.#doubtful.has(name)
  }

  get topics(): ReadonlyMap<string, TopicRecord> {
    return this.#topics
  }

  /** The first producer id that was never given out. */
  get nextProducerId(): bigint {
    return this.#nextProducerId
  }

  /** Resolves when durable; `topics` changes then. */
  async saveTopic(name: string, record: TopicRecord): Promise<void> {
    const value = {
      id: record.id,
      partitions: record.partitions,
      configs: Object.fromEntries(record.configs),
      state: record.state,
    }
    await this.#log.append([
      { key: topicPrefix + name, value: JSON.stringify({ version: valueVersion, ...value }) },
    ])
    this.#topics.set(name, record)
  }

  async removeTopic(name: string): Promise<void> {
    await this.#log.append([{ key: topicPrefix + name, value: null }])
    this.#topics.delete(name)
  }

  async saveNextProducerId(next: bigint): Promise<void> {
    await this.#log.append([
      { key: producerIdsKey, value: JSON.stringify({ version: valueVersion, next: String(next) }) },
    ])
    this.#nextProducerId = next
  }

  #apply(key: string, text: string | null): void {
    if (key.startsWith(topicPrefix)) {
      const name = key.slice(topicPrefix.length)
      if (text === null) this.#topics.delete(name)
      else this.#topics.set(name, toTopicRecord(key, parse(key, text)))
    } else if (key === producerIdsKey && text !== null) {
      const { next } = parse(key, text)
      if (typeof next !== 'string' || !/^\d{1,19}$/.test(next)) throw unreadable(key)
      this.#nextProducerId = BigInt(next)
    }
  }
}

type JsonObject = { readonly [name: string]: unknown }

function parse(key: string, text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw unreadable(key, cause)
  }
  if (!isObject(value) || typeof value.version !== 'number') throw unreadable(key)
  if (value.version > valueVersion) {
    throw new CorruptDataError(
      `The data folder was written by a newer kafka-do (metadata record '${key}' has version ${value.version}, known is ${valueVersion}): open it with that version`,
      { code: 'UNSUPPORTED_VERSION' },
    )
  }
  return value
}

function toTopicRecord(key: string, value: JsonObject): TopicRecord {
  const { id, partitions, configs, state } = value
  if (typeof id !== 'string' || typeof partitions !== 'number' || !Number.isInteger(partitions))
    throw unreadable(key)
  if (partitions < 1 || !isObject(configs) || (state !== 'live' && state !== 'deleting'))
    throw unreadable(key)
  const entries = Object.entries(configs).map(([name, text]): [string, string] => [
    name,
    String(text),
  ])
  return { id, partitions, configs: new Map(entries), state }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unreadable(key: string, cause?: unknown): CorruptDataError {
  return new CorruptDataError(
    `The metadata record '${key}' cannot be read: restore the folder of __cluster_metadata from a backup`,
    { code: 'CORRUPT_MESSAGE', cause },
  )
}
