import { expect, test } from 'vitest'
import type { GroupState, TaskMember, TaskShape } from './group-state.ts'
import { balanceTasks } from './task-balance.ts'

const task = (partition: number, isStateful = true): TaskShape => ({
  id: `0_${partition}`,
  subTopology: 0,
  partitions: [{ topic: 'orders', partition }],
  isStateful,
})
const member = (name: string): TaskMember => ({
  memberId: name,
  processId: `process of ${name}`,
  canRun: () => true,
})
const [p, q, r] = [member('p'), member('q'), member('r')]
const state = (more: Partial<GroupState>): GroupState => ({
  tasks: [],
  members: [p, q, r],
  owners: new Map(),
  lags: new Map(),
  copies: new Map(),
  ...more,
})

test('a task that nobody has goes where least of its state is lacking', () => {
  const one = task(0)
  const lags = new Map([
    [
      one,
      new Map([
        [q.processId, 900],
        [r.processId, 800],
      ]),
    ],
  ])
  expect(balanceTasks(state({ tasks: [one], lags }), 0)).toEqual(new Map([[one, r]]))
})

test('an owner keeps what it has as far as balance allows', () => {
  const tasks = [0, 1, 2, 3, 4].map((partition) => task(partition))
  const owners = new Map(tasks.map((one) => [one, q]))
  const places = balanceTasks(state({ tasks, owners }), 0)
  expect([p, q, r].map((one) => [...places.values()].filter((at) => at === one).length)).toEqual([
    2, 2, 1,
  ])
  expect(places.get(tasks[0]!)).toBe(q)
  expect(places.get(tasks[1]!)).toBe(q)
})

test('tasks without state fill up what those with state leave uneven', () => {
  const tasks = [task(0), ...[1, 2, 3, 4, 5, 6].map((partition) => task(partition, false))]
  const places = balanceTasks(state({ tasks }), 0)
  const runs = (one: TaskMember) => tasks.filter((each) => places.get(each) === one).length
  expect([p, q, r].map(runs)).toEqual([1, 3, 3])
})
