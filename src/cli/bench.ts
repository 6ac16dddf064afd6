/** `kafka-do bench` */

import type { Admin } from '../client/admin.ts'
import { Bench, type Measured } from './bench/phases.ts'
import type { ConnectionFlags } from './connection/connection-options.ts'
import { openClient } from './connection/open-client.ts'
import { ensureTopic } from './produce/producing.ts'
import { compressionOption } from './records/record-options.ts'
import {
  defaultedOption,
  defineCommand,
  type Invocation,
  listOption,
  valueOption,
} from './shell/command.ts'
import type { Column } from './shell/output.ts'
import { durationMs, oneOf, positiveNumber, sizeBytes, wholeNumber } from './shell/readers.ts'
import { untilTopicIsThere } from './topic/whole-topic.ts'

const phases = ['produce', 'consume', 'latency'] as const
const acksAllowed = ['all', '1', '0'] as const

export const bench = defineCommand({
  options: {
    topic: valueOption({
      placeholder: 'name',
      doc: 'existing topic to write to and read from',
      byDefault: 'a temporary topic',
      completes: 'topic',
    }),
    only: listOption({
      placeholder: phases.join('|'),
      doc: 'run only this; may be repeated',
      byDefault: 'all, in this order',
      choices: phases,
      read: oneOf(phases),
    }),
    duration: defaultedOption({
      placeholder: 'time',
      doc: 'duration of the produce and of the latency measurement',
      fallback: '5s',
      read: durationMs,
    }),
    size: defaultedOption({
      placeholder: 'bytes',
      doc: 'size of each value: 4 to 1MiB',
      fallback: '1k',
      read: readSize,
    }),
    partitions: defaultedOption({
      placeholder: 'number',
      doc: 'partitions of the temporary topic',
      fallback: '1',
      read: wholeNumber({ min: 1, max: 10_000 }),
    }),
    inFlight: defaultedOption({
      placeholder: 'records',
      doc: 'with produce: records in flight',
      fallback: '4000',
      read: wholeNumber({ min: 1, max: 1_000_000 }),
    }),
    rate: defaultedOption({
      placeholder: 'records',
      doc: 'with latency: records per second',
      fallback: '100',
      read: positiveNumber,
    }),
    compression: compressionOption,
    acks: defaultedOption({
      placeholder: acksAllowed.join('|'),
      doc: 'when a record counts as stored',
      choices: acksAllowed,
      fallback: 'all',
      read: oneOf(acksAllowed),
    }),
  },
  more: `produce: as many records as possible; latency is the time to acknowledgement. consume: the whole topic. latency: at a
steady rate, from when a record was due to be sent until it was read. Percentiles are at most 1.6 % too high.`,
  examples: [
    'kafka-do bench --url kafka://localhost:9092',
    'kafka-do bench --only latency --rate 1000 --duration 30s -o json',
  ],
  async run(invocation) {
    const { flags, io, out, connect } = invocation
    const client = await connect({ create: true })
    const topic = flags.topic ?? `kafka-do-bench-${io.runtime.uuid().slice(0, 8)}`
    if (flags.topic === undefined) await makeTopic(client.admin, topic, flags.partitions)
    else await ensureTopic(client.admin, topic, undefined)
    const measured: Measured[] = []
    try {
      for (const phase of phases) {
        if (flags.only.length > 0 && !flags.only.includes(phase)) continue
        const progress = invocation.progress(phase)
        const load = {
          topic,
          durationMs: flags.duration,
          valueBytes: flags.size,
          inFlight: flags.inFlight,
          rate: flags.rate,
          producer: { compression: flags.compression, acks: acksOf(flags.acks) },
        }
        const one = await new Bench(client, load, io, progress)[phase]()
        progress.end()
        if (one) measured.push(one)
      }
    } finally {
      if (flags.topic === undefined) await removeTopic(topic, client, invocation)
    }
    await out.list(columns, measured, asJson)
  },
})

async function makeTopic(admin: Admin, topic: string, partitions: number): Promise<void> {
  await admin.createTopic(topic, { partitions, retention: '1h' })
  await untilTopicIsThere(admin, topic)
}

/** Also after Ctrl-C, which has closed the client. */
async function removeTopic(
  topic: string,
  client: Awaited<ReturnType<Invocation<unknown, unknown>['connect']>>,
  { flags, io, out }: Invocation<unknown, unknown>,
): Promise<void> {
  try {
    if (!io.signal.aborted) return await client.admin.deleteTopic(topic)
    await client.close()
    await using another = await openClient(flags as Partial<ConnectionFlags>, io)
    await another.admin.deleteTopic(topic)
  } catch (error) {
    out.note(`Topic ${topic} could not be deleted: ${(error as Error).message}`)
  }
}

function acksOf(acks: (typeof acksAllowed)[number]): 'all' | 1 | 0 {
  return acks === 'all' ? acks : acks === '1' ? 1 : 0
}

function readSize(text: string): number {
  const size = sizeBytes(text)
  if (size >= 4 && size <= 1_048_576) return size
  throw new Error(`it takes 4 to 1MiB; got '${text}'`)
}

const rounded = (number: number | undefined, digits = 2) =>
  number === undefined ? undefined : Number(number.toFixed(digits))

const perSecond = ({ records, seconds }: Measured) => Math.round(records / seconds)
const megabytes = ({ bytes, seconds }: Measured) => rounded(bytes / seconds / 1_000_000)

const columns: readonly Column<Measured>[] = [
  { title: 'PHASE', cell: ({ phase }) => phase },
  { title: 'RECORDS', cell: ({ records }) => records },
  { title: 'SECONDS', cell: ({ seconds }) => rounded(seconds) },
  { title: 'RECORDS/S', cell: perSecond },
  { title: 'MB/S', cell: megabytes },
  { title: 'P50 MS', cell: ({ latency }) => rounded(latency?.p50) },
  { title: 'P90 MS', cell: ({ latency }) => rounded(latency?.p90) },
  { title: 'P99 MS', cell: ({ latency }) => rounded(latency?.p99) },
  { title: 'P99.9 MS', cell: ({ latency }) => rounded(latency?.p999) },
  { title: 'MAX MS', cell: ({ latency }) => rounded(latency?.max) },
]

function asJson(one: Measured): object {
  const { phase, records, bytes, seconds, latency } = one
  return {
    ...{ phase, records, bytes, seconds: rounded(seconds, 3) },
    recordsPerSecond: perSecond(one),
    megabytesPerSecond: megabytes(one),
    latencyMs: latency && {
      ...{
        p50: rounded(latency.p50, 3),
        p90: rounded(latency.p90, 3),
        p99: rounded(latency.p99, 3),
      },
      ...{ p999: rounded(latency.p999, 3), max: rounded(latency.max, 3) },
    },
  }
}
