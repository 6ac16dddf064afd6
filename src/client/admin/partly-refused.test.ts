/** Requests of several things, of which the broker does some and refuses others. */
import { expect, test } from 'vitest'
import type { Api } from '../../protocol/api.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import type { Cluster } from '../cluster.ts'
import { createAcls, deleteAcls } from './acls.ts'
import { deleteRecords } from './records.ts'

const refused = { errorCode: errorCode('INVALID_REQUEST'), errorMessage: 'no' }
const done = { errorCode: 0, errorMessage: null }

function clusterThat(answers: (api: Api<unknown, unknown>) => unknown): Cluster {
  return {
    config: { timeout: 1000 },
    retrying: (_: string, options: object, work: (call: object) => unknown) => work(options),
    exchange: async (api: Api<unknown, unknown>) => answers(api),
    ensureTopic: async (name: string) => ({ name, partitions: [{ index: 0 }, { index: 1 }] }),
    ensureTopics: async () => new Map(),
    invalidateTopic: () => undefined,
    leaderOf: () => 0,
  } as unknown as Cluster
}

test('rights that hold are told of, and not called failed', async () => {
  const acl = { principal: 'User:a', type: 'topic', name: 'a', operation: 'read' } as const
  const asked = (...results: object[]) =>
    createAcls(
      clusterThat(() => ({ results })),
      results.map(() => acl),
    )
  await expect(asked(done, refused, done)).rejects.toMatchObject({
    outcome: 'unknown',
    message: expect.stringContaining('refused: acls[1]; the other 2 of the request hold'),
  })
  await expect(asked(refused, refused)).rejects.toMatchObject({ outcome: 'failed' })
})

test('rights that are gone are told of, where others are left', async () => {
  const cluster = clusterThat(() => ({
    filterResults: [{ ...done, matchingAcls: [done, refused, done] }],
  }))
  await expect(deleteAcls(cluster, { name: 'a' })).rejects.toMatchObject({
    outcome: 'unknown',
    message: expect.stringContaining('1 are left; the other 2 are gone'),
  })
})

test('partitions whose records are deleted are told of, where another one refuses', async () => {
  const partitions = [
    { partitionIndex: 0, lowWatermark: 1n, ...done },
    { partitionIndex: 1, lowWatermark: -1n, ...refused },
  ]
  const cluster = clusterThat((api) =>
    api.name === 'DeleteRecords'
      ? { topics: [{ name: 't', partitions }] }
      : {
          topics: [
            {
              name: 't',
              partitions: [0, 1].map((p) => ({ ...done, partitionIndex: p, offset: 9n })),
            },
          ],
        },
  )
  await expect(deleteRecords(cluster, 't', { 0: 1, 1: 1 })).rejects.toMatchObject({
    outcome: 'unknown',
    message: expect.stringContaining('done for partitions: 0'),
  })
})
