/** Kafka's own load generators, with what they measured. */
import { Client, string, topic as typed } from 'kafka-do'
import { tool } from '../../test/kafka/java-tools.ts'
import type { BenchBroker } from './brokers.ts'

export interface ProducerLoad {
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
  readonly acks: '1' | 'all'
  /** Records per second; -1: as fast as it can. */
  readonly throughput: number
  /** Sent before, at the same rate, and not counted: the tool's own code is slow at first. Default 0. */
  readonly warmupRecords?: number
  /** So many producers at once, each a process that sends its share. Default 1. */
  readonly producers?: number
  /** More settings of the producer, `name=value`. */
  readonly properties?: readonly string[]
}

export interface ProducerResult {
  readonly recordsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** The tests' JVM settings are for short runs; here the load generator must be as fast as it can. */
const jvmArgs = ['-XX:TieredStopAtLevel=4', '-Xmx512m']
const timeoutMs = 600_000

/** Of several producers: the sum of their rates, and the worst of their latencies. */
export async function producerPerf(
  broker: BenchBroker,
  load: ProducerLoad,
): Promise<ProducerResult> {
  const { producers = 1, records, warmupRecords = 0 } = load
  const share = {
    ...load,
    records: Math.ceil(records / producers),
    warmupRecords: Math.ceil(warmupRecords / producers),
  }
  const results = await Promise.all(
    Array.from({ length: producers }, () => oneProducer(broker, share, producers > 1)),
  )
  return {
    recordsPerSecond: results.reduce((sum, { recordsPerSecond }) => sum + recordsPerSecond, 0),
    p50Ms: Math.max(...results.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(...results.map(({ p99Ms }) => p99Ms)),
  }
}

async function oneProducer(
  broker: BenchBroker,
  load: ProducerLoad & { readonly warmupRecords: number },
  isOneOfMany: boolean,
): Promise<ProducerResult> {
  const { topic, records, recordBytes, acks, throughput, warmupRecords, properties = [] } = load
  const args = [
    ['--bootstrap-server', broker.bootstrap],
    ['--topic', topic],
    ['--num-records', String(records + warmupRecords)],
    warmupRecords > 0 ? ['--warmup-records', String(warmupRecords)] : [],
    ['--record-size', String(recordBytes)],
    ['--throughput', String(throughput)],
    ['--command-property', `acks=${acks}`, ...properties],
  ].flat()
  // The optimising compilers of many processes would take the time that is measured.
  const ownJvmArgs = isOneOfMany ? ['-XX:TieredStopAtLevel=1', '-Xmx96m'] : jvmArgs
  const printed = await tool('producer-perf-test', args, { jvmArgs: ownJvmArgs, timeoutMs })
  // With a warm-up, the last line is of what came after it.
  const pattern =
    /records sent, ([\d.]+) records\/sec.*?, (\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th/
  const match = pattern.exec(printed.trim().split('\n').at(-1) ?? '')
  if (!match) throw new Error(`producer-perf-test printed:\n${printed}`)
  return {
    recordsPerSecond: Number(match[1]),
    p50Ms: Number(match[2]),
    p99Ms: Number(match[4]),
  }
}

/** Records per second, as it counts them: without the time to join the group. */
export async function consumerPerf(
  broker: BenchBroker,
  topic: string,
  records: number,
): Promise<number> {
  const args = [
    ['--bootstrap-server', broker.bootstrap],
    ['--topic', topic],
    ['--num-records', String(records)],
  ].flat()
  const printed = await tool('consumer-perf-test', args, { jvmArgs, timeoutMs })
  const fetchRate = printed.trim().split('\n').at(-1)?.split(',').at(-1)
  if (!fetchRate || Number.isNaN(Number(fetchRate))) {
    throw new Error(`consumer-perf-test printed:\n${printed}`)
  }
  return Number(fetchRate)
}

/** Creates a topic of one partition. */
export async function createTopic(
  broker: BenchBroker,
  topic: string,
  configs: readonly string[] = [],
): Promise<void> {
  const options = configs.flatMap((config) => ['--config', config])
  const where = ['--bootstrap-server', broker.bootstrap, '--create', '--topic', topic]
  await tool('topics', [...where, '--partitions', '1', ...options])
}

/** Fills a new topic of one partition, in the batches that our client makes. */
export async function fillTopic(
  broker: BenchBroker,
  { topic, records, recordBytes }: Pick<ProducerLoad, 'topic' | 'records' | 'recordBytes'>,
): Promise<void> {
  await createTopic(broker, topic)
  const kafka = new Client(broker.url)
  const producer = kafka.producer(typed(topic, { value: string }))
  const values = Array.from({ length: 5000 }, () => 'x'.repeat(recordBytes))
  for (let sent = 0; sent < records; sent += values.length) await producer.sendBatch(values)
  await kafka.close()
}
