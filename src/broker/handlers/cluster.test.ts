/** ApiVersions, FindCoordinator and InitProducerId. */
import { describe, expect, test } from 'vitest'
import { openTestBroker } from '../../../test/broker/test-broker.ts'
import { testContext, testSession } from '../../../test/broker/test-session.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  apiVersions,
  createApiVersionsRequest,
} from '../../protocol/messages/generated/api-versions.ts'
import {
  createFindCoordinatorRequest,
  findCoordinator,
} from '../../protocol/messages/generated/find-coordinator.ts'
import {
  createInitProducerIdRequest,
  initProducerId,
} from '../../protocol/messages/generated/init-producer-id.ts'
import { servedApis } from '../api-table.ts'

const named = createApiVersionsRequest({
  clientSoftwareName: 'kafka-do',
  clientSoftwareVersion: '0.1.0',
})

describe('ApiVersions', () => {
  test.each([0, 1, 2, 3, 4])('version %i lists what is served', async (version) => {
    const broker = await openTestBroker()
    const response = await broker.ask(apiVersions, named, { version })
    expect(response.errorCode).toBe(0)
    expect(response.apiKeys).toEqual(
      servedApis.map(({ api, advertised }) => ({ apiKey: api.key, ...advertised })),
    )
  })

  test('advertises Produce from 0, and refuses 0 to 2', async () => {
    const broker = await openTestBroker()
    const { apiKeys } = await broker.ask(apiVersions, named)
    expect(apiKeys.find(({ apiKey }) => apiKey === 0)).toEqual({
      apiKey: 0,
      minVersion: 0,
      maxVersion: 13,
    })
  })

  test('a version it does not know is answered with the versions it does', async () => {
    const { broker } = await openTestBroker()
    const { response } = await broker.handle(apiVersions, named, testContext(99))
    expect(errorName(response.errorCode)).toBe('UNSUPPORTED_VERSION')
    expect(response.apiKeys.length).toBeGreaterThan(0)
  })

  test('a software name that is none is INVALID_REQUEST', async () => {
    const broker = await openTestBroker()
    const request = createApiVersionsRequest({
      clientSoftwareName: '-',
      clientSoftwareVersion: '1',
    })
    expect(errorName((await broker.ask(apiVersions, request, { version: 3 })).errorCode)).toBe(
      'INVALID_REQUEST',
    )
    expect((await broker.ask(apiVersions, request, { version: 2 })).errorCode).toBe(0)
  })
})

describe('FindCoordinator', () => {
  const here = { nodeId: 1, host: 'h', port: 9092 }
  const session = testSession({ advertised: { host: 'h', port: 9092 } })

  test.each([0, 1, 2, 3])('version %i: this node', async (version) => {
    const broker = await openTestBroker()
    const request = createFindCoordinatorRequest({ key: 'g' })
    expect(await broker.ask(findCoordinator, request, { version, session })).toMatchObject({
      errorCode: 0,
      ...here,
    })
  })

  test.each([4, 5, 6])('version %i: this node, for every group', async (version) => {
    const broker = await openTestBroker()
    const request = createFindCoordinatorRequest({ coordinatorKeys: ['a', 'b'] })
    const { coordinators } = await broker.ask(findCoordinator, request, { version, session })
    expect(coordinators).toMatchObject([
      { key: 'a', errorCode: 0, ...here },
      { key: 'b', errorCode: 0, ...here },
    ])
  })

  test.each([
    [2, 'UNSUPPORTED_VERSION'],
    [7, 'INVALID_REQUEST'],
  ])('key type %i is %s', async (keyType, error) => {
    const broker = await openTestBroker()
    const request = createFindCoordinatorRequest({ keyType, coordinatorKeys: ['a'] })
    const [found] = (await broker.ask(findCoordinator, request)).coordinators
    expect(errorName(found!.errorCode)).toBe(error)
    expect(found).toMatchObject({ nodeId: -1, errorMessage: expect.any(String) })
  })
})

describe('InitProducerId', () => {
  const ask = createInitProducerIdRequest({ transactionalId: null, transactionTimeoutMs: 60_000 })

  test('every producer gets an id of its own, also across restarts', async () => {
    let broker = await openTestBroker()
    const ids = new Set<bigint>()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) {
        const response = await broker.ask(initProducerId, ask)
        expect(response).toMatchObject({ errorCode: 0, producerEpoch: 0 })
        ids.add(response.producerId)
      }
      broker = await broker.restart()
    }
    expect(ids.size).toBe(15)
  })

  test('more than a block at a time', async () => {
    const broker = await openTestBroker()
    const answers = await Promise.all(
      Array.from({ length: 2500 }, () => broker.ask(initProducerId, ask)),
    )
    expect(new Set(answers.map(({ producerId }) => producerId)).size).toBe(2500)
  })

  test('a full disk is an error, and it goes on when there is room', async () => {
    const broker = await openTestBroker()
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    const refused = await broker.ask(initProducerId, ask)
    expect(refused).toMatchObject({ producerId: -1n })
    expect(errorName(refused.errorCode)).toBe('KAFKA_STORAGE_ERROR')
    broker.fileSystem.failWrites = undefined
    expect(await broker.ask(initProducerId, ask)).toMatchObject({ errorCode: 0 })
  })

  test.each([0, 1, 2, 3, 4, 5])('version %i', async (version) => {
    const broker = await openTestBroker()
    expect(await broker.ask(initProducerId, ask, { version })).toMatchObject({ errorCode: 0 })
  })
})
