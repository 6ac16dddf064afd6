/**
 * kafkajs as the tests use it: quiet, with short waits, and with the codecs that it leaves to its users.
 *
 * kafkajs has gzip itself. Snappy and lz4 come from native libraries that nobody here wrote; zstd is ours, as Node 20
 * has none.
 */
import kafkajs, {
  type Consumer,
  type ConsumerConfig,
  type EachMessagePayload,
  type Kafka,
  type KafkaMessage,
} from 'kafkajs'
import * as lz4 from 'lz4-napi'
import * as snappy from 'snappy'
import { onTestFinished } from 'vitest'
import { loadCodec } from '../../../src/protocol/compression/codec.ts'
import type { ServedBroker } from './served-broker.ts'

const { CompressionCodecs, CompressionTypes, logLevel } = kafkajs

export const compressions = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
} as const

export type Compression = keyof typeof compressions

const zstd = await loadCodec('zstd')
const decompressedBytesMax = 64 * 1024 * 1024

/** kafkajs hands its own encoder over, which has the bytes. */
interface Encoder {
  readonly buffer: Buffer
}

CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: ({ buffer }: Encoder) => snappy.compress(buffer),
  decompress: (buffer: Buffer) => uncompressSnappy(buffer),
})
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }: Encoder) => lz4.compressFrame(buffer),
  decompress: (buffer: Buffer) => lz4.decompressFrame(buffer),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: Encoder) => Buffer.from(zstd.compress(buffer)),
  decompress: async (buffer: Buffer) => Buffer.from(zstd.decompress(buffer, decompressedBytesMax)),
})

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const xerialHeaderBytes = 16

/** Java's client frames snappy in blocks of its own, others write it raw. */
async function uncompressSnappy(buffer: Buffer): Promise<Buffer> {
  const uncompress = async (block: Buffer) => Buffer.from(await snappy.uncompress(block))
  if (!buffer.subarray(0, xerialMagic.length).equals(xerialMagic)) return uncompress(buffer)
  const blocks: Buffer[] = []
  for (let at = xerialHeaderBytes; at < buffer.length; ) {
    const end = at + 4 + buffer.readUInt32BE(at)
    blocks.push(await uncompress(buffer.subarray(at + 4, end)))
    at = end
  }
  return Buffer.concat(blocks)
}

export function createKafkajs(broker: ServedBroker): Kafka {
  return new kafkajs.Kafka({
    clientId: 'kafkajs-conformance',
    brokers: [broker.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 5 },
  })
}

/** Connected; closed when the test is over. */
export async function connected<
  T extends { connect(): Promise<void>; disconnect(): Promise<void> },
>(client: T): Promise<T> {
  await client.connect()
  onTestFinished(() => client.disconnect())
  return client
}

/** What a group needs so that a member that is killed is soon missed. */
export const quickGroup = {
  sessionTimeout: 1500,
  heartbeatInterval: 100,
  rebalanceTimeout: 5000,
  maxWaitTimeInMs: 50,
  retry: { initialRetryTime: 50, retries: 10 },
} as const

/** Runs a consumer from the beginning of a topic until it has seen so many messages; gives them in order of arrival. */
export async function readAll(
  kafka: Kafka,
  topic: string,
  count: number,
  config: Partial<ConsumerConfig> = {},
): Promise<EachMessagePayload[]> {
  const consumer = kafka.consumer({ groupId: `reads-${topic}`, ...quickGroup, ...config })
  await consumer.connect()
  try {
    return await collect(consumer, topic, count)
  } finally {
    await consumer.disconnect()
  }
}

/** The same with a consumer that goes on afterwards. With an offset it seeks there, in partition 0. */
export async function collect(
  consumer: Consumer,
  topic: string,
  count: number,
  offset?: string,
): Promise<EachMessagePayload[]> {
  await consumer.subscribe({ topics: [topic], fromBeginning: offset === undefined })
  const payloads: EachMessagePayload[] = []
  await new Promise<void>((resolve, reject) => {
    consumer.on('consumer.crash', ({ payload }) => reject(payload.error))
    const running = consumer.run({
      eachMessage: async (payload) => {
        payloads.push(payload)
        if (payloads.length >= count) resolve()
      },
    })
    const seek = () => offset && consumer.seek({ topic, partition: 0, offset })
    running.then(seek).catch(reject)
  })
  return payloads
}

export function text({ value }: KafkaMessage): string | undefined {
  return value?.toString()
}
