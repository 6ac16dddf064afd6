import { expect, test } from 'vitest'
import { openTestBroker } from '../../../test/broker/test-broker.ts'
import { testSession } from '../../../test/broker/test-session.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createDescribeClusterRequest,
  describeCluster,
} from '../../protocol/messages/generated/describe-cluster.ts'

const notAsked = -(2 ** 31)
const options = { config: { nodeId: 7 } }

test.each([0, 1, 2])('version %i: one node, which is the controller too', async (version) => {
  const { ask, broker } = await openTestBroker(options)
  expect(await ask(describeCluster, createDescribeClusterRequest(), { version })).toEqual({
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: null,
    endpointType: 1,
    clusterId: broker.clusterId,
    controllerId: 7,
    brokers: [{ brokerId: 7, host: 'test', port: 9092, rack: null, isFenced: false }],
    clusterAuthorizedOperations: notAsked,
  })
})

test('returns the address of the listener that was used', async () => {
  const { ask } = await openTestBroker(options)
  const context = { session: testSession({ advertised: { host: 'other', port: 9093 } }) }
  const { brokers } = await ask(describeCluster, createDescribeClusterRequest(), context)
  expect(brokers).toMatchObject([{ host: 'other', port: 9093 }])
})

test('tells what the caller may do, when asked', async () => {
  const { ask } = await openTestBroker()
  const request = createDescribeClusterRequest({ includeClusterAuthorizedOperations: true })
  // All that Kafka knows of a cluster: create, alter, describe, cluster action, configs, idempotent write.
  expect(await ask(describeCluster, request)).toMatchObject({ clusterAuthorizedOperations: 8096 })
})

test('fenced brokers may be asked for; there are none', async () => {
  const { ask } = await openTestBroker()
  const request = createDescribeClusterRequest({ includeFencedBrokers: true })
  expect((await ask(describeCluster, request)).brokers).toHaveLength(1)
})

test.each([
  [2, 'MISMATCHED_ENDPOINT_TYPE'],
  [0, 'UNSUPPORTED_ENDPOINT_TYPE'],
  [7, 'UNSUPPORTED_ENDPOINT_TYPE'],
])('endpoint type %i is %s', async (endpointType, error) => {
  const { ask } = await openTestBroker()
  for (const version of [1, 2]) {
    const request = createDescribeClusterRequest({ endpointType })
    const response = await ask(describeCluster, request, { version })
    expect(errorName(response.errorCode)).toBe(error)
    expect(response).toMatchObject({
      errorMessage: expect.any(String),
      clusterId: '',
      controllerId: -1,
      brokers: [],
      clusterAuthorizedOperations: notAsked,
    })
  }
})
