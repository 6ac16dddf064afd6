/** Kafka's own load generators, with what they measured. */
import { tool } from '../../test/kafka/java-tools.ts'
import type { BenchBroker } from './brokers.ts'

export interface ProducerLoad {
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
  readonly acks: '1' | 'all'
  /** Records per second; -1: as fast as it can. */
  readonly throughput: number
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

export async function producerPerf(
  broker: BenchBroker,
  { topic, records, recordBytes, acks, throughput, properties = [] }: ProducerLoad,
): Promise<ProducerResult> {
  const args = [
    ['--bootstrap-server', broker.bootstrap],
    ['--topic', topic],
    ['--num-records', String(records)],
    ['--record-size', String(recordBytes)],
    ['--throughput', String(throughput)],
    ['--command-property', `acks=${acks}`, ...properties],
  ].flat()
  const printed = await tool('producer-perf-test', args, { jvmArgs, timeoutMs })
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
