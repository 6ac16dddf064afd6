/** What a broker says of itself, and what a cluster of one answers to those who would move its replicas. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeBroker } from './describe-broker.ts'

describeBroker('Java tools: kafka-cluster, kafka-features, kafka-log-dirs and others', (broker) => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-do-reassign-'))
    await broker().tool('topics', ['--create', '--topic', 'orders', '--partitions', '2'])
    await broker().tool('console-producer', ['--topic', 'orders'], { stdin: 'one\n' })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('kafka-broker-api-versions', async () => {
    const versions = await broker().tool('broker-api-versions', [])
    expect(versions).toContain(`${broker().bootstrap} (id: 1 rack: null isFenced: false)`)
    expect(versions).toContain('Produce(0): 0 to 13 [usable: 13]')
    expect(versions).toContain('Fetch(1): 4 to 18 [usable: 18]')
    expect(versions).toContain('ApiVersions(18): 0 to 4 [usable: 4]')
  })

  test('kafka-cluster: cluster-id', async () => {
    expect(await broker().tool('cluster', ['cluster-id'])).toMatch(/^Cluster ID: [\w-]{22,36}\n$/)
  })

  test('kafka-cluster: list-endpoints', async () => {
    const [, node] = (await broker().tool('cluster', ['list-endpoints'])).trim().split('\n')
    const port = broker().bootstrap.split(':')[1]
    expect(node?.trim().split(/\s+/).slice(0, 3)).toEqual(['1', '127.0.0.1', port])
  })

  test('kafka-features: describe', async () => {
    const features = await broker().tool('features', ['describe'])
    expect(features).toMatch(/Feature: transaction\.version\s.*FinalizedVersionLevel: 2\s/)
  })

  test('kafka-log-dirs', async () => {
    const [, , described] = (await broker().tool('log-dirs', ['--describe'])).split('\n')
    const { brokers } = JSON.parse(String(described)) as LogDirs
    const partitions = brokers[0]?.logDirs[0]?.partitions ?? []
    const sizes = partitions
      .filter(({ partition }) => partition.startsWith('orders-'))
      .map(({ size, offsetLag, isFuture }) => [size > 0, offsetLag, isFuture])
      .sort()
    expect(brokers[0]?.broker).toBe(1)
    expect(brokers[0]?.logDirs[0]?.error).toBeNull()
    expect(sizes).toEqual([
      [false, 0, false],
      [true, 0, false],
    ])
  })

  test('kafka-leader-election', async () => {
    const preferred = ['--election-type', 'PREFERRED']
    await broker().tool('leader-election', [...preferred, '--all-topic-partitions'])
    const one = [...preferred, '--topic', 'orders', '--partition', '1']
    expect(await broker().tool('leader-election', one)).toContain(
      'Valid replica already elected for partitions orders-1',
    )
  })

  test('kafka-reassign-partitions: nothing moves; throttles are left alone', async () => {
    const file = join(folder, 'reassignment.json')
    const partitions = [{ topic: 'orders', partition: 0, replicas: [1] }]
    await writeFile(file, JSON.stringify({ version: 1, partitions }))
    expect(await broker().tool('reassign-partitions', ['--list'])).toContain(
      'No partition reassignments found.',
    )
    expect(
      await broker().tool('reassign-partitions', [
        ...['--verify', '--preserve-throttles', '--reassignment-json-file', file],
      ]),
    ).toContain('Reassignment of partition orders-0 is completed.')
  })
})

interface LogDirs {
  readonly brokers: readonly {
    readonly broker: number
    readonly logDirs: readonly {
      readonly error: string | null
      readonly partitions: readonly {
        readonly partition: string
        readonly size: number
        readonly offsetLag: number
        readonly isFuture: boolean
      }[]
    }[]
  }[]
}
