/** Topic configs, good and bad: what Apache Kafka takes we take, and what it refuses we refuse. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { topicConfigs } from '../../src/broker/topics/topic-config-table.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import {
  createDescribeConfigsRequest,
  createDescribeConfigsRequestDescribeConfigsResource,
  describeConfigs,
} from '../../src/protocol/messages/generated/describe-configs.ts'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'
import { openOurs, openTheirs, type Peer } from './peer.ts'

const numbers = ['-3', '-2', '-1', '0', '1', '2', '9', '10', '17', '18', '1000', '1048576']
const words = ['true', 'false', 'TRUE', 'yes', '', 'x', '1.5', '0.5', '99999999999', '0:1', '*']
const choices = ['gzip', 'zstd', 'producer', 'uncompressed', 'compact', 'delete', 'compact,delete']
const values = [...numbers, ...words, ...choices, 'CreateTime', 'LogAppendTime', 'createtime']

/** By config: values that we treat in another way, and why. */
const differences: { readonly [name: string]: readonly string[] } = {
  // Small segments are allowed here.
  'segment.bytes': ['10000', '1048575'],
}

describeJava('topic configs', () => {
  let kafka: ApacheKafka
  let theirs: Peer
  let ours: Peer
  beforeAll(async () => {
    kafka = await startApacheKafka()
    theirs = await openTheirs(kafka)
    ours = await openOurs()
  })
  afterAll(async () => {
    await ours?.close()
    await theirs?.close()
    await kafka?.stop()
  })

  async function outcome(peer: Peer, name: string, value: string): Promise<string> {
    const request = createCreateTopicsRequest({
      validateOnly: true,
      topics: [
        createCreateTopicsRequestCreatableTopic({
          name: 'checked',
          numPartitions: 1,
          replicationFactor: 1,
          configs: [{ name, value }],
        }),
      ],
    })
    return errorName((await peer.ask(createTopics, request, 7)).topics[0]!.errorCode)
  }

  async function namesAt(peer: Peer): Promise<string[]> {
    const create = createCreateTopicsRequest({
      topics: [
        createCreateTopicsRequestCreatableTopic({
          name: 'described',
          numPartitions: 1,
          replicationFactor: 1,
        }),
      ],
    })
    await peer.ask(createTopics, create, 7)
    const resource = { resourceType: 2, resourceName: 'described', configurationKeys: null }
    const request = createDescribeConfigsRequest({
      resources: [createDescribeConfigsRequestDescribeConfigsResource(resource)],
    })
    const { results } = await peer.ask(describeConfigs, request, 4)
    return results[0]!.configs.map(({ name }) => name).sort()
  }

  test('the same ones are there', async () => {
    expect(await namesAt(ours)).toEqual(await namesAt(theirs))
  })

  test.each(topicConfigs.map(({ name }) => name))('%s takes and refuses the same', async (name) => {
    const wrong: string[] = []
    for (const value of values) {
      if (differences[name]?.includes(value)) continue
      const [here, there] = await Promise.all([
        outcome(ours, name, value),
        outcome(theirs, name, value),
      ])
      if (here !== there) wrong.push(`${value}: ${here}, Apache Kafka ${there}`)
    }
    expect(wrong).toEqual([])
  })
})
