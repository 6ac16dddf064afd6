/** Where records were stored, as JSON. Written by hand: a batch has thousands, and each has an offset of 64 bits. */
import type { RecordMetadata } from '../../client/producer/delivery.ts'
import { KafkaError } from '../../core/errors.ts'
import { problemOf } from '../problem.ts'

export function storedJson({ topic, partition, offset, timestamp }: RecordMetadata): string {
  return `{"topic":"${topic}","partition":${partition},"offset":"${offset}","timestamp":"${isoTime(timestamp)}"}`
}

/** The last one that was asked for: records that come together have the same, and making the text costs as much as all the rest. */
let lastMs = Number.NaN
let lastText = ''

function isoTime(timestamp: Date): string {
  const ms = timestamp.getTime()
  if (ms !== lastMs) {
    lastText = timestamp.toISOString()
    lastMs = ms
  }
  return lastText
}

/** In the order of the records; those that failed say why. */
export function resultsJson(results: readonly (RecordMetadata | KafkaError)[]): string {
  let failed = 0
  const parts = results.map((result) => {
    if (!(result instanceof KafkaError)) return storedJson(result)
    failed++
    return `{"error":${JSON.stringify(problemOf(result))}}`
  })
  return `{"stored":${results.length - failed},"failed":${failed},"records":[${parts.join(',')}]}`
}
