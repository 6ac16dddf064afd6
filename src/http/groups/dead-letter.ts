/** Records that are given up: where they go, with where they came from. */
import type { SendOptions } from '../../client/producer/send-options.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import type { ReadRecord } from '../records/record-json.ts'

/** As the client's `onError: { deadLetter }` has it. */
export function asDeadLetter(
  record: ReadRecord,
  group: string,
  why: string,
  now: number,
): { readonly value: Uint8Array | null; readonly options: SendOptions<Uint8Array> } {
  const { topic, partition, offset, key, value, headers, timestampMs } = record
  return {
    value,
    options: {
      key,
      timestamp: Math.max(0, timestampMs),
      headers: [
        ...headers,
        ['original-topic', encodeUtf8(topic)],
        ['original-partition', encodeUtf8(String(partition))],
        ['original-offset', encodeUtf8(String(offset))],
        ['original-group', encodeUtf8(group)],
        ['error', encodeUtf8(why)],
        ['failed-at', encodeUtf8(new Date(now).toISOString())],
      ] as [string, Uint8Array | null][],
    },
  }
}
