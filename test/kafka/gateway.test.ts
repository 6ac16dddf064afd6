/**
 * One Kafka listener, before our broker and before an Apache Kafka: kcat, kafkajs, Java's tools and our own client pass
 * through it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'
import { kcat } from '../conformance/librdkafka/kcat.ts'
import { createKafkajs } from '../conformance/npm/kafkajs-client.ts'
import { type Gateway, openGateway } from '../server/gateway.ts'
import { startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'
import { tool } from './java-tools.ts'

interface Cluster {
  readonly port: number
  stop(): Promise<void>
}

const clusters: { readonly [name: string]: () => Promise<Cluster> } = {
  'our broker': async () => {
    const server = await createServer({ data: 'memory:', port: 0 })
    return { port: server.port, stop: () => server.close() }
  },
  'an Apache Kafka': () => startApacheKafka(),
}

describeJava('a Kafka listener', () => {
  describe.each(Object.keys(clusters))('before %s', (name) => {
    let cluster: Cluster
    let gateway: Gateway
    beforeAll(async () => {
      cluster = await clusters[name]!()
      gateway = await openGateway(cluster.port)
    })
    afterAll(async () => {
      await gateway?.close()
      await cluster?.stop()
    })

    const java = (which: Parameters<typeof tool>[0], args: readonly string[], stdin?: string) =>
      tool(which, ['--bootstrap-server', gateway.bootstrap, ...args], stdin ? { stdin } : {})

    test("Java's tools: a topic, records, a group and its offsets", async () => {
      await java('topics', ['--create', '--topic', 'java', '--partitions', '2'])
      const described = await java('topics', ['--describe', '--topic', 'java'])
      expect(described).toContain('PartitionCount: 2')
      await java('console-producer', ['--topic', 'java'], 'a\nb\nc\n')
      const read = await java('console-consumer', [
        ...['--topic', 'java', '--group', 'java', '--from-beginning', '--max-messages', '3'],
      ])
      expect(read.trim().split('\n').sort()).toEqual(['a', 'b', 'c'])
      const offsets = await java('consumer-groups', ['--describe', '--group', 'java', '--offsets'])
      expect(offsets).toMatch(/java\s+java\s+[01]\s+\d/)
      await java('topics', ['--delete', '--topic', 'java'])
    })

    test('kcat: metadata, produce, consume', async ({ skip }) => {
      if (!('program' in kcat)) return skip('kcat is not to be had here')
      const { program } = kcat
      const here = ['-b', gateway.bootstrap]
      await program.run([...here, '-P', '-t', 'kcat'], { stdin: 'one\ntwo\n' })
      const read = await program.run([...here, '-C', '-t', 'kcat', '-o', 'beginning', '-e', '-q'])
      expect(read.toString()).toBe('one\ntwo\n')
      const listed = (await program.run([...here, '-L'])).toString()
      expect(listed).toContain(`at ${gateway.bootstrap}`)
      expect(listed).not.toContain(`:${cluster.port}`)
    })

    test('kafkajs: a group reads what a producer has sent', async () => {
      const kafkajs = createKafkajs({ bootstrap: gateway.bootstrap } as never)
      const admin = kafkajs.admin()
      const producer = kafkajs.producer()
      const consumer = kafkajs.consumer({ groupId: 'kafkajs' })
      await Promise.all([admin.connect(), producer.connect(), consumer.connect()])
      await admin.createTopics({ topics: [{ topic: 'kafkajs', numPartitions: 2 }] })
      await producer.send({ topic: 'kafkajs', messages: [{ value: 'a' }, { value: 'b' }] })
      await consumer.subscribe({ topic: 'kafkajs', fromBeginning: true })
      const seen: string[] = []
      await new Promise<void>((resolve) => {
        void consumer.run({
          eachMessage: async ({ message }) => {
            seen.push(String(message.value))
            if (seen.length === 2) resolve()
          },
        })
      })
      expect(seen.sort()).toEqual(['a', 'b'])
      await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()])
    })

    test('our client: a transaction, and a group that commits', async () => {
      await using kafka = new Client(gateway.url)
      await kafka.transaction('ours', async (tx) => {
        await tx.sendBatch([1, 2, 3])
      })
      const consumer = kafka.consumer<number>('ours', { group: 'ours' })
      expect((await consumer.take(3).toArray()).map(({ value }) => value)).toEqual([1, 2, 3])
      const { partitions } = await kafka.admin.describeGroup('ours')
      expect(partitions.map(({ committed }) => committed)).toEqual([3n])
    })
  })
})
