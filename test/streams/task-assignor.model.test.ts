/**
 * The assignor of stream applications under random lives of a group: whatever joins, leaves, crashes, falls behind and grows, no
 * partition is ever with two, and in the end all is balanced and stays.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { amount } from '../amount.ts'
import {
  SimulatedGroup,
  type SimulatedMember,
  type SimulatedProcess,
  type SimulatedTopology,
  tasksOf,
} from './simulated-group.ts'

const topology: SimulatedTopology = {
  fingerprint: 'a',
  subTopologies: [
    { topics: ['orders', 'customers'], isStateful: true },
    { topics: ['clicks'], isStateful: false },
    { topics: ['payments'], isStateful: true },
  ],
}
/** What runs while it is upgraded. */
const old: SimulatedTopology = {
  fingerprint: 'b',
  subTopologies: [
    { topics: ['payments'], isStateful: true },
    { topics: ['customers'], isStateful: false },
    { topics: ['orders', 'clicks'], isStateful: true },
  ],
}
const topics = ['orders', 'customers', 'clicks', 'payments']
const maxLag = 10_000

type Event =
  | { readonly kind: 'join' | 'old' | 'leave' | 'return'; readonly pick: number }
  | { readonly kind: 'together' | 'replace'; readonly pick: number }
  | { readonly kind: 'round' | 'settle' }
  | { readonly kind: 'restore' | 'fall behind'; readonly entries: number }
  | { readonly kind: 'grow'; readonly topic: string; readonly by: number }

const pick = fc.nat(1000)
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('join', 'old', 'leave', 'return', 'together', 'replace'),
    pick,
  }),
  fc.record({ kind: fc.constantFrom('round', 'settle') }),
  fc.record({ kind: fc.constantFrom('restore', 'fall behind'), entries: fc.nat(60_000) }),
  fc.record({
    kind: fc.constant('grow' as const),
    topic: fc.constantFrom(...topics),
    by: fc.integer({ min: 1, max: 3 }),
  }),
)

const life = fc.record({
  counts: fc.array(fc.nat(7), { minLength: topics.length, maxLength: topics.length }),
  standbys: fc.nat(2),
  events: fc.array(event, { maxLength: 25 }),
  restored: fc.integer({ min: 3_000, max: 1_000_000 }),
  order: fc.infiniteStream(fc.nat(1000)),
})

class Life {
  readonly group: SimulatedGroup
  readonly #order: () => SimulatedMember[]
  readonly #gone: SimulatedProcess[] = []
  #named = 0

  constructor(counts: readonly number[], standbys: number, order: Iterator<number>) {
    const limits = { standbys, maxLag }
    this.group = new SimulatedGroup(
      topics.map((topic, i) => [topic, counts[i]!]),
      limits,
    )
    // Who leads, and the order of members, are the coordinator's to say.
    this.#order = () => {
      const rest = [...this.group.members]
      const mixed: SimulatedMember[] = []
      while (rest.length > 0)
        mixed.push(rest.splice((order.next().value as number) % rest.length, 1)[0]!)
      return mixed
    }
  }

  async happen(event: Event): Promise<void> {
    const { group } = this
    const one = 'pick' in event ? group.members[event.pick % group.members.length] : undefined
    switch (event.kind) {
      case 'join':
        if (group.members.length < 7) group.join(`p${this.#named++}`, topology)
        return
      case 'old':
        if (group.members.length < 7) group.join(`p${this.#named++}`, old)
        return
      case 'together':
        if (one && group.members.length < 7) group.join(one.process, one.topology)
        return
      case 'return': {
        const process = this.#gone.splice(event.pick % (this.#gone.length || 1), 1)[0]
        if (process) group.join(process, topology)
        return
      }
      case 'leave':
      case 'replace':
        if (!one) return
        group.remove(one)
        if (event.kind === 'replace') group.join(one.process, one.topology)
        else if (
          one.topology === topology &&
          !group.members.some(({ process }) => process === one.process)
        )
          this.#gone.push(one.process)
        return
      case 'round':
        if (group.members.length > 0) await group.round(this.#order())
        return
      case 'settle':
        if (group.members.length > 0) await group.settle(this.#order)
        return
      case 'restore':
        group.restore(event.entries)
        return
      case 'fall behind':
        for (const process of [...this.#gone, ...group.members.map((member) => member.process)])
          this.#fallBehind(process, event.entries)
        return
      case 'grow':
        group.counts.set(event.topic, group.counts.get(event.topic)! + event.by)
    }
  }

  /** All that no running task keeps up with. */
  #fallBehind(process: SimulatedProcess, entries: number): void {
    const running = this.group.members.filter((member) => member.process === process)
    for (const [id, lag] of process.lags) {
      if (!running.some(({ tasks }) => tasks.active.includes(id)))
        process.lags.set(id, lag + entries)
    }
  }

  /** The last of the old ones go. */
  upgrade(): void {
    const { group } = this
    for (const member of group.members.filter((one) => one.topology === old)) {
      group.remove(member)
      group.join(`p${this.#named++}`, topology)
    }
  }

  quiesce(entries: number): Promise<number> {
    return this.group.quiesce(this.#order, entries)
  }

  again(): Promise<boolean> {
    return this.group.round(this.#order())
  }
}

const placesOf = ({ members }: SimulatedGroup) =>
  Object.fromEntries(
    members.map(({ memberId, tasks: { active, standby, warmup } }) => [
      memberId,
      { active: [...active].sort(), standby: [...standby].sort(), warmup: [...warmup].sort() },
    ]),
  )

test('a group comes to rest, balanced, with every task at one member', async () => {
  await fc.assert(
    fc.asyncProperty(life, async ({ counts, standbys, events, restored, order }) => {
      const one = new Life(counts, standbys, order)
      for (const event of events) await one.happen(event)
      one.upgrade()
      if (one.group.members.length === 0) one.group.join('last', topology)
      const { group } = one
      const rounds = await one.quiesce(restored)
      expect(rounds).toBeLessThanOrEqual(8)

      const tasks = tasksOf(topology, group.counts)
      const active = group.members.flatMap((member) => member.tasks.active)
      expect([...active].sort()).toEqual(tasks.map(({ id }) => id).sort())
      for (const { tasks: got, owned } of group.members) {
        const partitions = tasks
          .filter(({ id }) => got.active.includes(id))
          .flatMap((task) => task.partitions)
        expect(owned).toHaveLength(partitions.length)
      }
      const loads = group.members.map((member) => member.load(group.counts))
      expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(3)

      const processes = new Set(group.members.map(({ process }) => process))
      const wanted = Math.min(standbys, processes.size - 1)
      for (const { id, isStateful } of tasks) {
        const keepers = group.members.filter((member) => member.tasks.standby.includes(id))
        const runner = group.members.find((member) => member.tasks.active.includes(id))!
        const where = new Set([runner, ...keepers].map(({ process }) => process))
        expect(where.size).toBe(isStateful ? wanted + 1 : 1)
        expect(keepers).toHaveLength(isStateful ? wanted : 0)
      }
      expect(group.members.flatMap((member) => member.tasks.warmup)).toEqual([])

      const before = placesOf(group)
      expect(await one.again()).toBe(false)
      expect(placesOf(group)).toEqual(before)
    }),
    { numRuns: amount(40, 1000) },
  )
})
