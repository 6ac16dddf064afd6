import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../../test/broker/manual-runtime.ts'
import { runAll } from '../../../test/broker/settled.ts'
import type { JoinInput } from './classic/group-messages.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import type { OffsetToCommit } from './group-offsets.ts'
import type { OffsetsRecord } from './offsets-log.ts'

const dayMs = 86_400_000

/** A coordinator on a log in memory, whose appends become durable at once or when the test says so. */
class Bench {
  readonly runtime: ManualRuntime
  readonly log: OffsetsRecord[]
  readonly groups: GroupCoordinator
  isHeld = false
  isFull = false
  readonly #held: (() => void)[] = []

  constructor(log: readonly OffsetsRecord[] = [], runtime = new ManualRuntime()) {
    this.runtime = runtime
    this.log = [...log]
    this.groups = new GroupCoordinator({
      runtime,
      limits: { initialRebalanceDelayMs: 0, maxSize: 100 },
      append: (records) => this.#append(records),
      whenDurable: async () => undefined,
      appendInTransaction: () => {
        throw new Error('not used here')
      },
      offsetsRetentionMs: 7 * dayMs,
    })
    for (const { key, value } of log) this.groups.load(key, value)
    this.groups.loaded()
  }

  async #append(records: readonly OffsetsRecord[]): Promise<bigint> {
    if (this.isFull) throw new Error('the disk is full')
    const baseOffset = BigInt(this.log.length)
    this.log.push(...records)
    if (this.isHeld) await new Promise<void>((resolve) => void this.#held.push(resolve))
    return baseOffset
  }

  async release(): Promise<void> {
    this.isHeld = false
    for (const resolve of this.#held.splice(0)) resolve()
    await runAll()
  }

  restart(): Bench {
    return new Bench(this.log, this.runtime)
  }

  join(groupId: string, fields: Partial<JoinInput> = {}) {
    return this.groups.classic.join(groupId, {
      memberId: '',
      newMemberId: `m${this.runtime.uuid()}`,
      groupInstanceId: null,
      clientId: 'c',
      clientHost: 'host',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Uint8Array.of(1) }],
      requiresKnownMemberId: false,
      canSkipAssignment: true,
      ...fields,
    })
  }

  /** A group with one settled member. */
  async member(groupId: string, fields: Partial<JoinInput> = {}): Promise<string> {
    const { memberId, generation } = await this.join(groupId, fields)
    await this.groups.classic.sync(groupId, {
      memberId,
      groupInstanceId: null,
      generation,
      protocolType: null,
      protocolName: null,
      assignments: new Map([[memberId, Uint8Array.of(7)]]),
    })
    return memberId
  }

  ids(): string[] {
    return this.groups.groups().map(({ id }) => id)
  }

  /** What a group has committed, by partition. */
  offsets(groupId: string): { [partition: string]: bigint } {
    return Object.fromEntries(
      this.groups.offsets
        .allCommitted(groupId)
        .map(([topic, n, { offset }]) => [`${topic}-${n}`, offset]),
    )
  }
}

function at(partition: number, offset: bigint, topic = 't'): OffsetToCommit {
  return { topic, partition, offset, leaderEpoch: 0, metadata: '' }
}

describe('a commit', () => {
  test('is seen when it is durable, not before', async () => {
    const bench = new Bench()
    bench.isHeld = true
    const committing = bench.groups.offsets.commit('g', [at(0, 5n)])
    expect(bench.groups.offsets.committed('g', 't', 0)).toBeUndefined()
    await bench.release()
    await committing
    expect(bench.groups.offsets.committed('g', 't', 0)).toMatchObject({ offset: 5n })
  })

  test('that cannot be written is not seen, and says so', async () => {
    const bench = new Bench()
    bench.isFull = true
    await expect(bench.groups.offsets.commit('g', [at(0, 5n)])).rejects.toThrow('the disk is full')
    expect(bench.groups.offsets.committed('g', 't', 0)).toBeUndefined()
  })

  test('that is on its way when its group is deleted is deleted too', async () => {
    const bench = new Bench()
    await bench.groups.offsets.commit('g', [at(0, 1n)])
    bench.isHeld = true
    const committing = bench.groups.offsets.commit('g', [at(1, 5n)])
    const deleting = bench.groups.delete('g')
    await bench.release()
    await committing
    expect(await deleting).toBe('NONE')
    expect(bench.offsets('g')).toEqual({})
    expect(bench.restart().ids()).toEqual([])
  })

  test('that is on its way when its topic is deleted is deleted too', async () => {
    const bench = new Bench()
    bench.isHeld = true
    const committing = bench.groups.offsets.commit('g', [at(0, 5n), at(0, 6n, 'other')])
    const deleting = bench.groups.offsets.onTopicDeleted('t')
    await bench.release()
    await Promise.all([committing, deleting])
    expect(bench.offsets('g')).toEqual({ 'other-0': 6n })
    expect(bench.restart().offsets('g')).toEqual({ 'other-0': 6n })
  })
})

describe('deleting a group', () => {
  test('that is about to be written does not let it be written afterwards', async () => {
    const bench = new Bench()
    const memberId = await bench.member('g')
    bench.isHeld = true
    // The first write of the group waits for the disk, the second for the first.
    const rejoined = bench.join('g', { memberId })
    const leaving = bench.groups.classic.leave('g', memberId, null)
    const joining = bench.member('g')
    await runAll()
    expect(bench.ids()).toEqual(['g'])
    const member = bench.groups.classic.find('g')!.members()[0]!.memberId
    const left = bench.groups.classic.leave('g', member, null)
    expect(bench.groups.classic.find('g')!.state).toBe('Empty')
    const deleting = bench.groups.delete('g')
    await bench.release()
    await Promise.all([rejoined, leaving, joining, left])
    expect(await deleting).toBe('NONE')
    expect(bench.restart().ids()).toEqual([])
  })

  test('that cannot be made durable leaves it as it was', async () => {
    const bench = new Bench()
    await bench.groups.offsets.commit('g', [at(0, 5n)])
    bench.isFull = true
    await expect(bench.groups.delete('g')).rejects.toThrow('the disk is full')
    expect(bench.offsets('g')).toEqual({ 't-0': 5n })
    bench.isFull = false
    expect(await bench.groups.delete('g')).toBe('NONE')
    expect(bench.ids()).toEqual([])
  })

  test('is refused while it has members, and when there is none', async () => {
    const bench = new Bench()
    await bench.member('g')
    expect(await bench.groups.delete('g')).toBe('NON_EMPTY_GROUP')
    expect(await bench.groups.delete('nowhere')).toBe('GROUP_ID_NOT_FOUND')
  })

  test('goes through when the session of its last member is over, also before its timer has run', async () => {
    const bench = new Bench()
    await bench.member('g', { sessionTimeoutMs: 6000 })
    bench.runtime.stall(6000)
    expect(await bench.groups.delete('g')).toBe('NONE')
    expect(bench.restart().ids()).toEqual([])
  })

  test('goes through while an id is out that nobody has come back with', async () => {
    const bench = new Bench()
    const memberId = await bench.member('g')
    const asked = await bench.join('g', { requiresKnownMemberId: true })
    expect(asked.error).toBe('MEMBER_ID_REQUIRED')
    const rejoining = bench.join('g', { memberId })
    expect(bench.groups.group('g')!.state).toBe('PreparingRebalance')
    expect(await bench.groups.classic.leave('g', memberId, null)).toBe('NONE')
    expect((await rejoining).error).toBe('UNKNOWN_MEMBER_ID')
    expect(await bench.groups.delete('g')).toBe('NONE')
  })
})

describe('a group whose timer is late', () => {
  test('is seen as it is by now, alone and in the list', async () => {
    const bench = new Bench()
    await bench.member('g', { sessionTimeoutMs: 6000 })
    bench.runtime.stall(5999)
    expect(bench.groups.group('g')!.state).toBe('Stable')
    bench.runtime.stall(1)
    expect(bench.groups.classic.find('g')!.state).toBe('Empty')
    expect(bench.groups.groups().map(({ state }) => state)).toEqual(['Empty'])
    expect(bench.groups.group('g')!.state).toBe('Empty')
  })

  test('takes a commit that came in time and was read late', async () => {
    const bench = new Bench()
    const memberId = await bench.member('g', { sessionTimeoutMs: 6000 })
    bench.runtime.stall(7000)
    expect(bench.groups.checkCommit('g', memberId, null, 1)).toBe('NONE')
    expect(bench.groups.group('g')!.state).toBe('Stable')
  })
})

describe('what comes to nothing leaves no group behind', () => {
  test.each([
    ['a member that nobody knows', { memberId: 'stranger' }, 'UNKNOWN_MEMBER_ID'],
    ['a member without a protocol', { protocols: [] }, 'INCONSISTENT_GROUP_PROTOCOL'],
  ])('%s', async (_, fields, error) => {
    const bench = new Bench()
    expect(await bench.join('g', fields)).toMatchObject({ error })
    expect(bench.ids()).toEqual([])
  })

  test('a member that was given an id and did not come', async () => {
    const bench = new Bench()
    await bench.join('g', { requiresKnownMemberId: true })
    expect(bench.ids()).toEqual(['g'])
    bench.runtime.advance(10_000)
    expect(bench.ids()).toEqual([])
    expect(bench.runtime.pendingTimers).toBe(0)
  })
})

describe('time', () => {
  test('one timer watches a group, and heartbeats do not touch it', async () => {
    const bench = new Bench()
    await bench.member('g')
    const member = bench.groups.classic.find('g')!.members()[0]!.memberId
    expect(bench.runtime.pendingTimers).toBe(1)
    for (let i = 0; i < 20; i++) {
      bench.runtime.advance(4000)
      expect(bench.groups.classic.heartbeat('g', member, null, 1)).toBe('NONE')
      expect(bench.runtime.pendingTimers).toBe(1)
    }
    bench.runtime.advance(10_000)
    await runAll()
    expect(bench.groups.classic.find('g')!.state).toBe('Empty')
    expect(bench.runtime.pendingTimers).toBe(0)
  })

  test('closing answers those who wait and stops the timers', async () => {
    const bench = new Bench()
    await bench.member('g')
    const joining = bench.join('g')
    await bench.groups.close()
    expect(await joining).toMatchObject({ error: 'COORDINATOR_NOT_AVAILABLE' })
    expect(bench.runtime.pendingTimers).toBe(0)
    await expect(bench.join('g')).rejects.toMatchObject({ code: 'COORDINATOR_NOT_AVAILABLE' })
  })

  test('a group that cannot be written goes on all the same', async () => {
    const bench = new Bench()
    bench.isFull = true
    const member = await bench.member('g')
    expect(bench.groups.classic.heartbeat('g', member, null, 1)).toBe('NONE')
  })
})

describe('old offsets', () => {
  async function expireAfter(bench: Bench, ms: number): Promise<void> {
    bench.runtime.advance(ms)
    await runAll()
    await bench.groups.expireOffsets(bench.runtime.now())
  }

  test('of a group without members go one by one, then the group', async () => {
    const bench = new Bench()
    await bench.groups.offsets.commit('g', [at(0, 1n), at(1, 1n)])
    bench.runtime.advance(dayMs)
    await bench.groups.offsets.commit('g', [at(1, 2n)])
    await expireAfter(bench, 6 * dayMs - 1)
    expect(bench.offsets('g')).toEqual({ 't-0': 1n, 't-1': 2n })
    await expireAfter(bench, 1)
    expect(bench.offsets('g')).toEqual({ 't-1': 2n })
    expect(bench.restart().offsets('g')).toEqual({ 't-1': 2n })
    await expireAfter(bench, dayMs)
    expect(bench.ids()).toEqual([])
    expect(bench.restart().ids()).toEqual([])
  })

  test('stay while there is a member, and as long again once it has gone', async () => {
    const bench = new Bench()
    const sessionTimeoutMs = 20 * dayMs
    const member = await bench.member('g', { sessionTimeoutMs })
    await bench.groups.offsets.commit('g', [at(0, 1n)])
    await expireAfter(bench, 10 * dayMs)
    expect(bench.offsets('g')).toEqual({ 't-0': 1n })
    await bench.groups.classic.leave('g', member, null)
    await expireAfter(bench, 7 * dayMs - 1)
    expect(bench.offsets('g')).toEqual({ 't-0': 1n })
    await expireAfter(bench, 1)
    expect(bench.ids()).toEqual([])
  })

  test('of members that died with the process count from its restart', async () => {
    const bench = new Bench()
    await bench.member('g', { clientHost: 'embedded' })
    await bench.groups.offsets.commit('g', [at(0, 1n)])
    bench.runtime.advance(30 * dayMs)
    const again = bench.restart()
    await again.groups.expireOffsets(again.runtime.now())
    expect(again.offsets('g')).toEqual({ 't-0': 1n })
    await expireAfter(again, 7 * dayMs)
    expect(again.ids()).toEqual([])
  })

  test('stay when they cannot be removed', async () => {
    const bench = new Bench()
    await bench.groups.offsets.commit('g', [at(0, 1n)])
    bench.isFull = true
    await expect(expireAfter(bench, 7 * dayMs)).rejects.toThrow('the disk is full')
    expect(bench.offsets('g')).toEqual({ 't-0': 1n })
  })
})

test('a restart finds what there was, after any history', async () => {
  const groupId = fc.constantFrom('g', 'h')
  const step = fc.oneof(
    fc.record({
      do: fc.constant('commit' as const),
      groupId,
      partition: fc.nat(2),
      topic: fc.constantFrom('t', 'u'),
    }),
    fc.record({ do: fc.constantFrom('delete', 'member', 'leave', 'hold', 'release'), groupId }),
    fc.record({ do: fc.constant('topic' as const), groupId, topic: fc.constantFrom('t', 'u') }),
    fc.record({ do: fc.constant('expire' as const), groupId, ms: fc.nat(8 * dayMs) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const bench = new Bench()
      const running: Promise<unknown>[] = []
      let next = 0n
      for (const one of steps) {
        const { groupId: id } = one
        if (one.do === 'commit')
          running.push(bench.groups.offsets.commit(id, [at(one.partition, next++, one.topic)]))
        else if (one.do === 'topic') running.push(bench.groups.offsets.onTopicDeleted(one.topic))
        else if (one.do === 'delete') running.push(bench.groups.delete(id))
        else if (one.do === 'member') running.push(bench.member(id))
        else if (one.do === 'leave') {
          const member = bench.groups.classic.find(id)?.members()[0]
          if (member) running.push(bench.groups.classic.leave(id, member.memberId, null))
        } else if (one.do === 'expire') {
          bench.runtime.advance(one.ms)
          running.push(bench.groups.expireOffsets(bench.runtime.now()))
        } else if (one.do === 'hold') bench.isHeld = true
        else await bench.release()
        await runAll()
      }
      await bench.release()
      bench.runtime.advance(60_000)
      await Promise.all(running)
      const again = bench.restart()
      for (const id of ['g', 'h']) {
        expect(again.offsets(id)).toEqual(bench.offsets(id))
        const before = bench.groups.classic.find(id)
        const after = again.groups.classic.find(id)
        expect(after?.state).toBe(before?.state)
        expect(after?.members()).toEqual(before?.members())
        if (before?.protocolType) expect(after?.generation).toBe(before.generation)
      }
    }),
    { numRuns: 1000 },
  )
})
