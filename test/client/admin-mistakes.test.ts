/** What an administrator is told of arguments of the wrong type, and that what is returned can be written as JSON. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Admin, Client } from '../../src/index.ts'
import { Offset } from '../../src/index.ts'
import { useCluster } from './test-cluster.ts'

const cluster = useCluster()
let kafka: Client
beforeEach(() => {
  kafka = cluster.open()
})

describe('arguments of the wrong type are refused by name', () => {
  const notNames: readonly unknown[] = [undefined, null, 7, {}, [], '', ['orders'], Symbol('x')]
  const withTopic: { readonly [name: string]: (admin: Admin, topic: never) => Promise<unknown> } = {
    createTopic: (admin, topic) => admin.createTopic(topic),
    alterTopic: (admin, topic) => admin.alterTopic(topic, {}),
    deleteTopic: (admin, topic) => admin.deleteTopic(topic),
    describeTopic: (admin, topic) => admin.describeTopic(topic),
    createPartitions: (admin, topic) => admin.createPartitions(topic, 2),
    deleteRecords: (admin, topic) => admin.deleteRecords(topic, { 0: 1n }),
    resetOffsets: (admin, topic) => admin.resetOffsets('g', topic, Offset.earliest),
  }
  const withGroup: { readonly [name: string]: (admin: Admin, group: never) => Promise<unknown> } = {
    describeGroup: (admin, group) => admin.describeGroup(group),
    deleteGroup: (admin, group) => admin.deleteGroup(group),
    resetOffsets: (admin, group) => admin.resetOffsets(group, 'orders', Offset.earliest),
  }

  test.each(Object.keys(withTopic))('a topic, in %s', async (name) => {
    for (const value of notNames) await refused(withTopic[name]!(kafka.admin, value as never))
  })

  test.each(Object.keys(withGroup))('a group, in %s', async (name) => {
    for (const value of notNames) await refused(withGroup[name]!(kafka.admin, value as never))
  })

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['an offset', 5n],
    ['a Map', new Map([[0, 1n]])],
    ['an array', [1n]],
    ['a Date', new Date()],
    ['text', '0'],
    ['a partition that is no number', { a: 1n }],
    ['a negative partition', { '-1': 1n }],
    ['an offset that is text', { 0: '1' }],
    ['an offset that is not whole', { 0: 1.5 }],
    ['an offset that is NaN', { 0: Number.NaN }],
    ['a negative offset', { 0: -1 }],
    ['no offset', { 0: undefined }],
  ])('records to delete: %s', async (_, before) => {
    await kafka.admin.createTopic('orders')
    await refused(kafka.admin.deleteRecords('orders', before as never))
  })

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['text', 'earliest'],
    ['another object', { kind: 'soon' }],
  ])('where to reset a group: %s', async (_, offset) => {
    await kafka.admin.createTopic('orders')
    await refused(kafka.admin.resetOffsets('g', 'orders', offset as never))
  })

  test.each([null, 'two', 1.5, 0, -1, Number.NaN, 2n, {}])(
    'a number of partitions: %s',
    async (n) => {
      await kafka.admin.createTopic('orders')
      await refused(kafka.admin.createPartitions('orders', n as never))
      await refused(kafka.admin.createTopic('others', { partitions: n as never }))
    },
  )

  async function refused(call: Promise<unknown>): Promise<void> {
    await expect(call).rejects.toMatchObject({ name: 'ConfigError', code: 'INVALID_CONFIG' })
  }
})

test('what administration returns can be written as JSON, with offsets as strings', async () => {
  await kafka.admin.createTopic('orders')
  await kafka.producer('orders').sendBatch([1, 2, 3])
  await kafka.consumer('orders', { group: 'g' }).take(2).toArray()
  const { admin } = kafka
  const asJson = async (asked: Promise<unknown>) => JSON.parse(JSON.stringify(await asked))
  expect(await asJson(admin.describeTopic('orders'))).toMatchObject({
    name: 'orders',
    offsets: [{ partition: 0, earliest: '0', latest: '3' }],
  })
  expect(await asJson(admin.resetOffsets('g', 'orders', Offset.at(1)))).toEqual([
    { partition: 0, before: '2', offset: '1' },
  ])
  expect(await asJson(admin.deleteRecords('orders', { 0: 2n }))).toEqual({ 0: '2' })
  expect(await asJson(admin.deleteRecords('orders', {}))).toEqual({})
  expect(await asJson(admin.listTopics())).toMatchObject([{ name: 'orders' }])
  expect(await asJson(admin.describeCluster())).toMatchObject({ nodes: [{}] })
})
