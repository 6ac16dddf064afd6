/** The assignor of stream applications, case by case. */
import { describe, expect, test } from 'vitest'
import type { ReceivedAssignment } from '../../src/index.ts'
import { SimulatedGroup, SimulatedProcess, type SimulatedTopology } from './simulated-group.ts'

const counting: SimulatedTopology = {
  fingerprint: 'a',
  subTopologies: [{ topics: ['orders'], isStateful: true }],
}
const filtering: SimulatedTopology = {
  fingerprint: 'a',
  subTopologies: [{ topics: ['orders'], isStateful: false }],
}
const joining: SimulatedTopology = {
  fingerprint: 'a',
  subTopologies: [
    { topics: ['orders', 'customers'], isStateful: true },
    { topics: ['clicks'], isStateful: false },
  ],
}
const limits = { standbys: 0, maxLag: 10_000 }
const group = (partitions: number, more = {}) =>
  new SimulatedGroup([['orders', partitions]], { ...limits, ...more })
const counts = (one: SimulatedGroup) => one.members.map(({ tasks }) => tasks.active.length)

describe('a task', () => {
  test('has partition i of each topic that its sub-topology reads', async () => {
    const running = new SimulatedGroup(
      [
        ['orders', 4],
        ['customers', 4],
        ['clicks', 4],
      ],
      limits,
    )
    for (const id of ['p', 'q', 'r']) running.join(id, joining)
    await running.quiesce()
    for (const { owned } of running.members) {
      const of = (topic: string) =>
        owned.filter((one) => one.topic === topic).map(({ partition }) => partition)
      expect(of('orders')).toEqual(of('customers'))
    }
    expect(running.members.flatMap(({ owned }) => owned)).toHaveLength(12)
    // 4 of weight 3 and 4 of weight 1: 6, 5, 5.
    expect(running.members.map((one) => one.load(running.counts)).sort()).toEqual([5, 5, 6])
  })

  test('gets partitions that are new where it runs', async () => {
    const running = new SimulatedGroup(
      [
        ['orders', 2],
        ['customers', 1],
      ],
      limits,
    )
    const topology = { ...joining, subTopologies: joining.subTopologies.slice(0, 1) }
    running.join('p', topology)
    running.join('q', topology)
    await running.quiesce()
    const before = running.active()
    running.counts.set('customers', 2)
    expect(await running.settle()).toBe(1)
    expect(running.active()).toEqual(before)
    expect(running.members.flatMap(({ owned }) => owned)).toHaveLength(4)
  })
})

describe('without state', () => {
  test('tasks are shared out evenly, and move in two rounds', async () => {
    const running = group(5)
    const first = running.join('p', filtering)
    expect(await running.settle()).toBe(1)
    running.join('q', filtering)
    expect(await running.round()).toBe(true)
    expect(counts(running)).toEqual([3, 0])
    expect(await running.round()).toBe(false)
    expect(counts(running)).toEqual([3, 2])
    expect(first.tasks.active).toEqual(['0_0', '0_1', '0_2'])
  })

  test('what one that leaves had goes to the others, and nothing else moves', async () => {
    const running = group(6)
    for (const id of ['p', 'q', 'r']) running.join(id, filtering)
    await running.settle()
    const [first, second, third] = running.members
    const had = [first!.tasks.active, second!.tasks.active]
    running.remove(third!)
    expect(await running.settle()).toBe(1)
    expect(counts(running)).toEqual([3, 3])
    expect(first!.tasks.active).toEqual(expect.arrayContaining([...had[0]!]))
    expect(second!.tasks.active).toEqual(expect.arrayContaining([...had[1]!]))
  })
})

describe('with state', () => {
  test('tasks that nobody has state of are shared out at once', async () => {
    const running = group(4)
    running.join('p', counting)
    running.join('q', counting)
    expect(await running.settle()).toBe(1)
    expect(counts(running)).toEqual([2, 2])
  })

  test('they stay with their owner while a new process warms up', async () => {
    const running = group(4)
    const old = running.join('p', counting)
    await running.quiesce()
    const fresh = running.join('q', counting)
    expect(await running.settle()).toBe(1)
    expect(old.tasks).toMatchObject({
      active: ['0_0', '0_1', '0_2', '0_3'],
      standby: [],
      warmup: [],
    })
    expect(fresh.tasks).toMatchObject({ active: [], standby: [], warmup: ['0_3', '0_2'].sort() })
    // 39,999 of 50,000: still too far behind; one more is not.
    expect(running.restore(39_999)).toBe(false)
    await running.settle()
    expect(old.tasks.active).toHaveLength(4)
    expect(running.restore(1)).toBe(true)
    expect(await running.settle()).toBe(2)
    expect(fresh.tasks).toMatchObject({ active: ['0_2', '0_3'], standby: [], warmup: [] })
    expect(old.tasks.active).toEqual(['0_0', '0_1'])
  })

  test('what moves is what is ready, whatever else a process has a little of', async () => {
    const running = group(4)
    const process = new SimulatedProcess('q')
    process.lags.set('0_0', 20_000).set('0_1', 5).set('0_2', 9_000)
    running.join('p', counting)
    await running.quiesce()
    running.join(process, counting)
    expect(await running.settle()).toBe(2)
    expect(running.active()).toEqual({ m0: ['0_0', '0_3'], m1: ['0_1', '0_2'] })
  })

  test('a move that was begun is finished, though others would do as well', async () => {
    const running = group(4)
    const process = new SimulatedProcess('q')
    for (const id of ['0_0', '0_1', '0_2', '0_3']) process.lags.set(id, 5)
    running.join('p', counting)
    await running.quiesce()
    const fresh = running.join(process, counting)
    await running.round()
    expect(running.active()).toEqual({ m0: ['0_2', '0_3'], m1: [] })
    // Where it was there is a little more of the state, which decides nothing any more.
    expect(await running.round()).toBe(false)
    expect(fresh.tasks.active).toEqual(['0_0', '0_1'])
  })

  test('a warm-up goes on, though another copy is no further', async () => {
    const running = group(4, { standbys: 1 })
    running.join('p', counting)
    await running.quiesce()
    const fresh = running.join('q', counting)
    await running.settle()
    const { warmup, standby } = fresh.tasks
    expect([warmup, standby]).toEqual([
      ['0_2', '0_3'],
      ['0_0', '0_1'],
    ])
    for (const id of standby) fresh.process.lags.set(id, 30_000)
    await running.settle()
    expect(fresh.tasks).toMatchObject({ warmup, standby })
    // But what is ready moves, for what it was kept matters not.
    for (const id of standby) fresh.process.lags.set(id, 10_000)
    await running.settle()
    expect(fresh.tasks.active).toEqual(standby)
  })

  test('an owner that has enough of it keeps the task, though another that it does not belong to has more', async () => {
    const running = group(4)
    const p = running.join('p', counting)
    const q = running.join('q', counting)
    await running.settle()
    expect(p.tasks.active).toEqual(['0_0', '0_2'])
    p.process.lags.set('0_0', 9_000).set('0_2', 9_000)
    q.process.lags.set('0_0', 0).set('0_2', 0)
    running.join('r', counting)
    await running.settle()
    expect(running.members.map(({ tasks }) => tasks.warmup.length)).toEqual([0, 0, 1])
    expect(p.tasks.active).toEqual(['0_0', '0_2'])
  })

  test('an owner that has not yet measured its state has it', async () => {
    const running = group(2)
    const p = running.join('p', counting)
    await running.settle()
    p.process.lags.clear()
    const other = new SimulatedProcess('q')
    other.lags.set('0_0', 90_000).set('0_1', 90_000)
    running.join(other, counting)
    await running.settle()
    expect(p.tasks.active).toEqual(['0_0', '0_1'])
  })

  test('one that comes back with its state gets it back', async () => {
    const running = group(6)
    const left = new SimulatedProcess('p')
    for (const process of [left, 'q', 'r']) running.join(process, counting)
    await running.quiesce()
    const [had] = Object.values(running.active())
    running.remove(running.members[0]!)
    await running.settle()
    for (const [id, lag] of left.lags) left.lags.set(id, lag + 200)
    const back = running.join(left, counting)
    await running.settle()
    expect(back.tasks.active).toEqual(had)
  })

  test('one that has less of it than it should goes first all the same where nobody has more', async () => {
    const running = group(2)
    const [more, less] = [new SimulatedProcess('p'), new SimulatedProcess('q')]
    more.lags.set('0_0', 30_000).set('0_1', 30_001)
    less.lags.set('0_0', 60_000).set('0_1', 60_000)
    running.changelogs.set('0_0', 90_000).set('0_1', 90_000)
    running.join(less, counting)
    const first = running.join(more, counting)
    await running.settle()
    // Where they belong is one each, but it is nearer with the one.
    expect(first.tasks.active).toEqual(['0_0', '0_1'])
    expect(running.members[0]!.tasks.warmup).toHaveLength(1)
  })

  test('one that restores keeps the task against another that is a little ahead', async () => {
    const running = group(1, { maxLag: 100 })
    running.changelogs.set('0_0', 50_000)
    const owner = running.join('p', counting)
    await running.settle()
    const other = new SimulatedProcess('q')
    other.lags.set('0_0', 49_950)
    running.join(other, counting)
    await running.settle()
    expect(owner.tasks.active).toEqual(['0_0'])
    other.lags.set('0_0', 100)
    await running.settle()
    expect(owner.tasks.active).toEqual([])
  })

  test('members of one process share it: a move between them needs no warm-up', async () => {
    const running = group(4)
    const process = new SimulatedProcess('p')
    running.join(process, counting)
    await running.quiesce()
    running.join(process, counting)
    expect(await running.settle()).toBe(2)
    expect(counts(running)).toEqual([2, 2])
  })
})

describe('standbys', () => {
  test('are in other processes, evenly, and stay', async () => {
    const running = group(6, { standbys: 1 })
    const shared = new SimulatedProcess('p')
    for (const process of [shared, shared, 'q', 'r']) running.join(process, counting)
    await running.quiesce()
    const standbys = running.members.map(({ tasks }) => tasks.standby)
    expect(standbys.flat().sort()).toEqual(['0_0', '0_1', '0_2', '0_3', '0_4', '0_5'])
    const ofShared = [...standbys[0]!, ...standbys[1]!]
    const run = [...running.members[0]!.tasks.active, ...running.members[1]!.tasks.active]
    expect(ofShared.filter((id) => run.includes(id))).toEqual([])
    await running.settle(() => [...running.members].reverse())
    expect(running.members.map(({ tasks }) => tasks.standby)).toEqual(standbys)
  })

  test('stay where they are, though another process has a little more', async () => {
    const running = group(3, { standbys: 1 })
    for (const id of ['p', 'q', 'r']) running.join(id, counting)
    await running.quiesce()
    const standbys = running.members.map(({ tasks }) => tasks.standby)
    for (const { process, tasks } of running.members) {
      for (const id of ['0_0', '0_1', '0_2'])
        if (!tasks.active.includes(id)) process.lags.set(id, tasks.standby.includes(id) ? 50 : 0)
    }
    await running.settle()
    expect(running.members.map(({ tasks }) => tasks.standby)).toEqual(standbys)
  })

  test('stay where they are when another process comes', async () => {
    const running = group(9, { standbys: 1 })
    for (const id of ['p', 'q', 'r']) running.join(id, counting)
    await running.quiesce()
    const standbys = running.members.map(({ tasks }) => tasks.standby)
    running.join('a', counting, { memberId: 'a' })
    await running.settle()
    const left = standbys.flatMap((before, at) =>
      before.filter((id) => !running.members[at]!.tasks.standby.includes(id)),
    )
    // Of four with one the last, where the mean is three.
    expect(left).toHaveLength(1)
  })

  test('are spread over who comes, up to the mean', async () => {
    const running = group(6, { standbys: 1 })
    for (const id of ['p', 'q']) running.join(id, counting)
    await running.quiesce()
    for (const id of ['r', 's']) running.join(id, counting)
    await running.quiesce()
    const counts = running.members.map(({ tasks }) => tasks.standby.length)
    expect(counts.reduce((sum, count) => sum + count)).toBe(6)
    expect(Math.max(...counts)).toBe(2)
  })

  test('take over at once', async () => {
    const running = group(4, { standbys: 1 })
    for (const id of ['p', 'q', 'r']) running.join(id, counting)
    await running.quiesce()
    running.restore(1_000_000)
    const [gone, ...others] = running.members
    const { active } = gone!.tasks
    const keeper = new Map(others.flatMap((one) => one.tasks.standby.map((id) => [id, one])))
    running.remove(gone!)
    await running.round()
    for (const id of active) expect(keeper.get(id)!.tasks.active).toContain(id)
  })

  test('have it for good where balance allows: nothing is warmed up elsewhere', async () => {
    const running = group(3, { standbys: 1 })
    for (const id of ['p', 'q', 'r']) running.join(id, counting)
    await running.quiesce()
    const [gone, q, r] = running.members
    const [id] = gone!.tasks.active
    // The one that is the first of all to get what nobody has a copy of.
    const other = q!.tasks.standby.includes(id!) ? r : q
    other!.process.lags.delete(id!)
    running.members = [other!, ...running.members.filter((one) => one !== other)]
    running.remove(gone!)
    await running.settle()
    expect(other!.tasks.active).toHaveLength(1)
    expect(running.members.flatMap(({ tasks }) => tasks.warmup)).toEqual([])
  })

  test('are as many as there are other processes', async () => {
    const running = group(2, { standbys: 5 })
    for (const id of ['p', 'q', 'r']) running.join(id, counting)
    await running.quiesce()
    expect(running.members.flatMap(({ tasks }) => tasks.standby)).toHaveLength(4)
  })

  test('none of tasks without state', async () => {
    const running = group(2, { standbys: 1 })
    for (const id of ['p', 'q']) running.join(id, filtering)
    await running.quiesce()
    expect(running.members.flatMap(({ tasks }) => tasks.standby)).toEqual([])
  })
})

describe('static members', () => {
  test('have their tasks after a restart, though they do not know of them', async () => {
    const running = group(9)
    const leader = running.join('p', filtering, { groupInstanceId: 'p' })
    await running.settle()
    running.join('q', filtering, { groupInstanceId: 'q' })
    await running.settle()
    running.join('r', filtering, { groupInstanceId: 'r' })
    await running.settle()
    const [, q, r] = running.members
    const had = [q!.tasks.active, r!.tasks.active]
    for (const gone of [q!, r!]) running.remove(gone)
    const back = ['q', 'r'].map((id) => running.join(`${id}2`, filtering, { groupInstanceId: id }))
    expect(running.members[0]).toBe(leader)
    await running.settle()
    expect(back.map(({ tasks }) => tasks.active)).toEqual(had)
  })

  test('who led long ago does not say what they had', async () => {
    const running = group(6)
    const p = running.join('p', filtering, { groupInstanceId: 'p' })
    await running.settle()
    const q = running.join('q', filtering, { groupInstanceId: 'q' })
    await running.settle(() => [p, q])
    // q leads, and r takes some of what q had; then p leads again, and q and r are restarted.
    const r = running.join('r', filtering, { groupInstanceId: 'r' })
    await running.settle(() => [q, p, r])
    for (const gone of [q, r]) running.remove(gone)
    const back = ['q', 'r'].map((id) => running.join(`${id}2`, filtering, { groupInstanceId: id }))
    await running.settle(() => [p, ...back])
    expect(counts(running)).toEqual([2, 2, 2])
    expect(back.map(({ tasks }) => tasks.active)).toEqual([
      ['0_2', '0_4'],
      ['0_3', '0_5'],
    ])
  })
})

describe('claims', () => {
  test('of one partition by two: the newest counts, and a third has to wait for both', async () => {
    const running = group(2)
    const p = running.join('p', filtering)
    const q = running.join('q', filtering)
    await running.settle()
    const [mine] = q.owned
    // p was away, and believes that it has what q got since.
    p.owned = [mine!]
    p.generation = 0
    q.generation = 7
    await expect(running.round()).rejects.toThrow(/is with/)
    expect(q.tasks.active).toEqual(['0_1'])
    expect(p.tasks.active).toEqual(['0_0'])
  })
})

describe('members with another topology', () => {
  const before: SimulatedTopology = {
    fingerprint: 'old',
    subTopologies: [
      { topics: ['orders'], isStateful: true },
      { topics: ['old-repartition'], isStateful: true },
    ],
  }
  const after: SimulatedTopology = {
    fingerprint: 'new',
    subTopologies: [
      { topics: ['new-repartition'], isStateful: false },
      { topics: ['orders'], isStateful: true },
    ],
  }
  const mixed = () =>
    new SimulatedGroup(
      [
        ['orders', 4],
        ['old-repartition', 2],
        ['new-repartition', 2],
      ],
      { standbys: 1, maxLag: 10_000 },
    )

  test.each([
    ['the old one leads', 0],
    ['the new one leads', 1],
  ])('get only what they know, in their own numbers: %s', async (_, leader) => {
    const running = mixed()
    const old = running.join('p', before)
    await running.quiesce()
    const fresh = running.join('q', after)
    const order = () => (leader === 0 ? [old, fresh] : [fresh, old])
    await running.settle(order)
    expect(old.tasks.active).toEqual(expect.arrayContaining(['1_0', '1_1']))
    expect(fresh.tasks.active).toEqual(['0_0', '0_1'])
    // orders is 0 to the old one and 1 to the new one.
    for (const id of fresh.tasks.warmup) expect(id).toMatch(/^1_/)
    expect(fresh.tasks.warmup.length).toBeGreaterThan(0)
    for (const id of fresh.tasks.warmup) fresh.process.lags.set(id, 3)
    await running.settle(order)
    expect(fresh.tasks.active.some((id) => id.startsWith('1_'))).toBe(true)
    expect(running.members.flatMap(({ owned }) => owned)).toHaveLength(8)
  })

  test('never half of what their topology reads together', async () => {
    const running = new SimulatedGroup(
      [
        ['orders', 2],
        ['customers', 2],
      ],
      limits,
    )
    const apart = running.join('p', {
      fingerprint: 'apart',
      subTopologies: [
        { topics: ['orders'], isStateful: true },
        { topics: ['customers'], isStateful: false },
      ],
    })
    await running.settle()
    const together = running.join('q', {
      fingerprint: 'together',
      subTopologies: [{ topics: ['orders', 'customers'], isStateful: true }],
    })
    await running.settle(() => [apart, together])
    expect(together.owned).toEqual([])
    await running.settle(() => [together, apart])
    running.restore(1_000_000)
    await running.settle(() => [together, apart])
    // For one that knows them apart they may be together.
    expect(apart.tasks.active).toHaveLength(2)
    expect(together.owned).toHaveLength(2)
  })

  test('copies only of what has state in their own topology', async () => {
    const running = new SimulatedGroup(
      [
        ['orders', 2],
        ['customers', 2],
      ],
      { standbys: 1, maxLag: 10_000 },
    )
    const together = running.join('q', {
      fingerprint: 'together',
      subTopologies: [{ topics: ['orders', 'customers'], isStateful: true }],
    })
    await running.quiesce()
    const apart = running.join('p', {
      fingerprint: 'apart',
      subTopologies: [
        { topics: ['orders'], isStateful: false },
        { topics: ['customers'], isStateful: true },
      ],
    })
    await running.settle(() => [together, apart])
    const { standby, warmup } = apart.tasks
    expect([...standby, ...warmup].sort()).toEqual(['1_0', '1_1'])
  })

  test('a later version says more, and is told what this one has to say', async () => {
    const running = group(2)
    running.join('p', filtering)
    const later = running.join('q', filtering)
    const { userData } = later.assignor
    const heard: ReceivedAssignment[] = []
    later.assignor.userData = (about) => {
      const [, ...rest] = userData!(about)
      return Uint8Array.from([2, ...rest, 1, 2, 3])
    }
    later.assignor.onAssignment = (received) => void heard.push(received)
    await running.round()
    expect(heard[0]).toMatchObject({ partitions: [{ topic: 'orders', partition: 1 }] })
    expect([...heard[0]!.userData!]).toEqual([1, 1, 1, 1])
  })

  test('one that says nothing that can be read gets nothing', async () => {
    const running = group(2)
    const first = running.join('p', counting)
    const odd = running.join('q', counting)
    odd.assignor.userData = () => Uint8Array.of(1, 200)
    await running.settle()
    expect(first.tasks.active).toEqual(['0_0', '0_1'])
    expect(odd.tasks.active).toEqual([])
  })
})

describe('ids', () => {
  test.each(['0', '0_x', '1_0', '0_1'])('that do not fit are refused: %s', async (id) => {
    const { taskAssignor } = await import('../../src/streams/runtime/task-assignor.ts')
    const assignor = taskAssignor({
      tasks: () => [
        { id, subTopology: 0, partitions: [{ topic: 'orders', partition: 0 }], isStateful: false },
      ],
      fingerprint: 'a',
      processId: 'p',
      lags: () => new Map(),
      standbys: 0,
      maxLag: 0,
      assigned: () => undefined,
    })
    expect(() => assignor.userData!({ topics: ['orders'], ownedPartitions: [] })).toThrow(TypeError)
  })
})
