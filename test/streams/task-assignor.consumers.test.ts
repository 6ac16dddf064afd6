/** The assignor of stream applications in a real group: what consumers on a broker tell each other. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Client } from '../../src/index.ts'
import { type AssignedTasks, taskAssignor } from '../../src/streams/runtime/task-assignor.ts'
import { type SimulatedTopology, tasksOf } from './simulated-group.ts'

const topology: SimulatedTopology = {
  fingerprint: 'a',
  subTopologies: [
    { topics: ['orders', 'customers'], isStateful: true },
    { topics: ['clicks'], isStateful: false },
  ],
}
const topics = ['orders', 'customers', 'clicks']
const heartbeatInterval = 20

let kafka: Client
beforeEach(async () => {
  kafka = new Client('memory:')
  for (const topic of topics) await kafka.admin.createTopic(topic, { partitions: 4 })
})
afterEach(() => kafka.close())

function start(processId: string, config: { standbys?: number; groupInstanceId?: string } = {}) {
  const { standbys = 0, ...more } = config
  const lags = new Map<string, number>()
  const told: AssignedTasks[] = []
  const assignor = taskAssignor({
    tasks: (counts) => tasksOf(topology, counts),
    fingerprint: topology.fingerprint,
    processId,
    lags: () => lags,
    standbys,
    maxLag: 10_000,
    assigned(tasks) {
      for (const id of tasks.active) if (id.startsWith('0_')) lags.set(id, 0)
      told.push(tasks)
    },
  })
  const consumer = kafka.consumer(topics, { group: 'app', heartbeatInterval, assignor, ...more })
  void consumer.ready()
  return {
    consumer,
    lags,
    told,
    get tasks() {
      return told.at(-1) ?? { active: [], standby: [], warmup: [], promised: [] }
    },
    partitions: () =>
      consumer
        .positions()
        .map(({ topic, partition }) => `${topic}-${partition}`)
        .sort(),
  }
}

const eventually = (assertion: () => void) => vi.waitFor(assertion, 15_000)

test('processes warm up, take over, leave and come back', async () => {
  const p = start('p', { standbys: 1 })
  await p.consumer.ready()
  expect([...p.tasks.active].sort()).toEqual(
    [0, 1, 2, 3].flatMap((i) => [`0_${i}`, `1_${i}`]).sort(),
  )
  const q = start('q', { standbys: 1 })
  await q.consumer.ready()
  await eventually(() => expect(q.tasks.active).toHaveLength(2))
  // Those without state went over; of the others it makes copies.
  expect(q.partitions()).toEqual(['clicks-2', 'clicks-3'])
  expect(q.tasks.warmup).toEqual(['0_2', '0_3'])
  expect(q.tasks.standby).toEqual(['0_0', '0_1'])
  expect(p.tasks.active).toHaveLength(6)

  // It has them, and a third process makes all join again.
  for (const id of [...q.tasks.warmup, ...q.tasks.standby]) q.lags.set(id, 7)
  const r = start('r', { standbys: 1 })
  await eventually(() => {
    expect(q.tasks.active.filter((id) => id.startsWith('0_')).length).toBeGreaterThan(0)
    const all = [p, q, r].flatMap(({ tasks }) => tasks.active)
    expect(all.sort()).toEqual([0, 1, 2, 3].flatMap((i) => [`0_${i}`, `1_${i}`]).sort())
  })
  for (const { partitions } of [p, q, r]) {
    const of = (topic: string) =>
      partitions()
        .filter((name) => name.startsWith(topic))
        .map((name) => name.slice(topic.length))
    await eventually(() => expect(of('orders')).toEqual(of('customers')))
  }
  await p.consumer.close()
  await eventually(() => {
    expect([...q.partitions(), ...r.partitions()]).toHaveLength(12)
    expect(
      [...q.tasks.standby, ...r.tasks.standby, ...q.tasks.warmup, ...r.tasks.warmup].length,
    ).toBe(4)
  })
  await q.consumer.close()
  await r.consumer.close()
})

test('a static member that is restarted finds its tasks, though others join meanwhile', async () => {
  const leader = start('p', { groupInstanceId: 'p' })
  await leader.consumer.ready()
  const restarted = start('q', { groupInstanceId: 'q' })
  await eventually(() => expect(restarted.partitions().length).toBeGreaterThan(0))
  const had = restarted.partitions()
  await restarted.consumer.close()
  const again = start('q', { groupInstanceId: 'q' })
  await eventually(() => expect(again.partitions()).toEqual(had))
  expect(leader.partitions()).toHaveLength(12 - had.length)
  await again.consumer.close()
  await leader.consumer.close()
})
