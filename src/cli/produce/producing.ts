/** What `produce` and `import` share: reads records, sends them, and tells what was stored. */
import { statSync } from 'node:fs'
import type { Admin } from '../../client/admin.ts'
import { Offset } from '../../client/consumer/offset.ts'
import type { Producer } from '../../client/producer/producer.ts'
import type { ProducerConfig } from '../../client/producer/producer-config.ts'
import { bytes } from '../../client/serializer.ts'
import { topic as topicOf } from '../../client/topic.ts'
import { TopicNotFoundError } from '../../core/errors.ts'
import type { Client } from '../../entry/client.ts'
import { type ConnectionFlags, givenTimeout } from '../connection/connection-options.ts'
import { Pace } from '../records/pace.ts'
import type { Invocation } from '../shell/command.ts'
import { CommandError } from '../shell/command-error.ts'
import { failureOf } from '../shell/failure.ts'
import { Interruption } from '../shell/io.ts'
import { counted, formatCount } from '../shell/numbers.ts'
import { untilTopicIsThere } from '../topic/whole-topic.ts'
import { type InputOptions, type Outgoing, recordsOf, type Source } from './input.ts'
import { Sender } from './sender.ts'

export interface Plan {
  readonly topic: string
  readonly sources: readonly Source[]
  readonly input: InputOptions
  readonly producer: ProducerConfig
  readonly rate: number | undefined
  /** What each record gets that has none of its own. */
  readonly complete: (record: Outgoing) => Outgoing
}

/** Throws when a record cannot be read or stored: what came before it is stored, and the error says how many. */
export async function produceAll(
  client: Client,
  { topic, sources, input, producer: config, rate, complete }: Plan,
  { flags, io, out, progress: startProgress }: Invocation<unknown, unknown>,
): Promise<void> {
  const producer: Producer<Uint8Array, Uint8Array> = client.producer(
    topicOf<Uint8Array, Uint8Array>(topic, { key: bytes, value: bytes }),
    { ...config, deliveryTimeout: givenTimeout(flags as Partial<ConnectionFlags>) },
  )
  const readsInput = sources.some(({ isInput }) => isInput)
  const progress = startProgress(`produce to ${topic}`, readsInput ? io.stdin : undefined)
  const total = sizeOf(sources)
  if (total !== undefined) progress.total = { bytes: total }
  const pace = rate === undefined ? undefined : new Pace(rate, io.runtime)
  const sender = new Sender(producer, { pace, progress })
  let stopped: unknown
  try {
    for (const source of sources)
      for await (const records of recordsOf(source, input))
        await sender.send(records.map(complete), io.signal)
  } catch (error) {
    stopped = error
  }
  await sender.finish().catch((error: unknown) => {
    stopped ??= error
  })
  progress.end()
  const { stored, failed, partitions } = sender
  if (stopped === undefined) {
    if (out.isForPeople) out.note(`Stored ${counted(stored, 'record')} in ${topic}.`)
    else
      await out.list(
        [
          { title: 'PARTITION', cell: ({ partition }) => partition },
          { title: 'RECORDS', cell: ({ records }) => records },
          { title: 'FIRST', cell: ({ first }) => first },
          { title: 'LAST', cell: ({ last }) => last },
        ],
        partitions,
        (one) => ({ topic, ...one }),
      )
    return
  }
  const isOne = stored === 1
  const count = `${counted(stored, 'record')} ${isOne ? 'was' : 'were'} stored${failed > 0 ? `, ${formatCount(failed)} not` : ''}`
  if (io.signal.aborted) {
    if (out.isForPeople && io.signal.reason instanceof Interruption)
      out.note(`Interrupted: ${count}.`)
    throw io.signal.reason
  }
  const { exitCode, code, message, hint } = failureOf(stopped)
  throw new CommandError(`${message} (${count})`, { exitCode, code, hint, cause: stopped })
}

/** Of all together; undefined where one is no file. */
function sizeOf(sources: readonly Source[]): number | undefined {
  let sum = 0
  for (const { name } of sources) {
    const stat = statSync(name, { throwIfNoEntry: false })
    if (!stat?.isFile()) return undefined
    sum += stat.size
  }
  return sum
}

/** A topic with a slip in its name would be made by brokers that make topics. Throws `TopicNotFoundError`. */
export async function ensureTopic(
  admin: Admin,
  topic: string,
  create: { readonly partitions?: number | undefined } | undefined,
): Promise<void> {
  try {
    await admin.listOffsets(topic, Offset.earliest)
  } catch (error) {
    if (create === undefined || !(error instanceof TopicNotFoundError)) throw error
    await admin.createTopic(topic, create)
    await untilTopicIsThere(admin, topic)
  }
}
