/** Random lives of a group. What must hold after every step is in `check`, what must hold in the end in `finish`. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../../../core/bytes.ts'
import { ClassicGroup } from './classic-group.ts'
import type { Effect, GroupSnapshot, JoinReply, SyncReply } from './group-messages.ts'

const sizeMax = 4
const clients = ['a', 'b', 'c', 'd', 'e'] as const

type Step =
  | {
      readonly do: 'join'
      readonly client: number
      readonly protocols: string
      readonly forgets: boolean
    }
  | {
      readonly do: 'sync' | 'beat' | 'leave' | 'commit'
      readonly client: number
      readonly back: number
    }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'restart' }

/** What one client knows of itself. The first two are static members. */
interface Client {
  readonly name: string
  readonly instanceId: string | null
  memberId: string
  generation: number
  leads: readonly string[]
}

class Life {
  #group: ClassicGroup
  #nowMs = 0
  #snapshot: GroupSnapshot | undefined
  #ids = 0
  #generation = 0
  readonly #initialRebalanceDelayMs: number
  readonly #clients: Client[]
  /** Requests by token: who asked, and whether it has been answered. */
  readonly #asked: { client: Client; isAnswered: boolean }[] = []
  readonly #leaders = new Map<number, string>()

  constructor(initialRebalanceDelayMs: number) {
    this.#initialRebalanceDelayMs = initialRebalanceDelayMs
    this.#group = new ClassicGroup('g', this.#limits)
    this.#clients = clients.map((name, i) => ({
      name,
      instanceId: i < 2 ? `static-${name}` : null,
      memberId: '',
      generation: -1,
      leads: [],
    }))
  }

  get #limits() {
    return { initialRebalanceDelayMs: this.#initialRebalanceDelayMs, maxSize: sizeMax }
  }

  act(step: Step): void {
    if (step.do === 'wait') this.#wait(step.ms)
    else if (step.do === 'restart') this.#restart()
    else if (step.do === 'join') this.#join(this.#clients[step.client]!, step)
    else this.#ask(this.#clients[step.client]!, step.do, step.back)
    this.#check()
  }

  #ask(client: Client, verb: 'sync' | 'beat' | 'leave' | 'commit', back: number): void {
    const { memberId, instanceId } = client
    const generation = client.generation - back
    if (verb === 'sync') return this.#sync(client, generation)
    if (verb === 'leave') {
      this.#take(this.#group.leave(memberId, instanceId, this.#nowMs).effects)
      return
    }
    const error =
      verb === 'beat'
        ? this.#group.heartbeat(memberId, instanceId, generation, this.#nowMs)
        : this.#group.checkCommit(memberId, instanceId, generation, this.#nowMs)
    if (error !== 'NONE' || (generation < 0 && this.#group.size === 0)) return
    assert.equal(generation, this.#group.generation)
    assert.ok(this.#group.members().some((member) => member.memberId === memberId))
  }

  #join(client: Client, step: Extract<Step, { do: 'join' }>): void {
    if (step.forgets) client.memberId = ''
    const input = {
      memberId: client.memberId,
      newMemberId: `${client.name}${++this.#ids}`,
      groupInstanceId: client.instanceId,
      clientId: client.name,
      clientHost: 'host',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
      protocolType: 'consumer',
      protocols: [...step.protocols].map((name) => ({ name, metadata: encodeUtf8('t') })),
      requiresKnownMemberId: step.client % 2 === 0,
      canSkipAssignment: step.client % 2 === 0,
    }
    this.#take(this.#group.join(input, this.#token(client), this.#nowMs))
  }

  #sync(client: Client, generation: number): void {
    const input = {
      memberId: client.memberId,
      groupInstanceId: client.instanceId,
      generation,
      protocolType: null,
      protocolName: null,
      assignments: new Map(client.leads.map((id) => [id, encodeUtf8(`${id}@${generation}`)])),
    }
    this.#take(this.#group.sync(input, this.#token(client), this.#nowMs))
  }

  #token(client: Client): number {
    return this.#asked.push({ client, isAnswered: false }) - 1
  }

  #take(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'persist') this.#snapshot = effect.snapshot
      else this.#answer(effect)
    }
  }

  #answer(effect: Exclude<Effect, { type: 'persist' }>): void {
    const asked = this.#asked[effect.token]!
    assert.equal(asked.isAnswered, false)
    asked.isAnswered = true
    if (effect.type === 'join-reply') this.#joined(asked.client, effect.reply)
    else this.#synced(asked.client, effect.reply)
  }

  #joined(client: Client, reply: JoinReply): void {
    if (reply.error === 'MEMBER_ID_REQUIRED') client.memberId = reply.memberId
    if (reply.error === 'UNKNOWN_MEMBER_ID') client.memberId = ''
    if (reply.error !== 'NONE') {
      assert.deepEqual(reply.members, [])
      return
    }
    client.memberId = reply.memberId
    client.generation = reply.generation
    client.leads = reply.members.map(({ memberId }) => memberId)
    assert.equal(reply.generation, this.#group.generation)
    // One member is told to assign.
    if (reply.members.length > 0 && !reply.skipAssignment) {
      assert.equal(reply.leader, reply.memberId)
      const told = reply.members.map(({ memberId }) => memberId).sort()
      assert.deepEqual(told, this.#memberIds())
      const known = this.#leaders.get(reply.generation) ?? reply.memberId
      assert.equal(known, reply.memberId)
      this.#leaders.set(reply.generation, reply.memberId)
    }
  }

  #synced(client: Client, reply: SyncReply): void {
    if (reply.error === 'UNKNOWN_MEMBER_ID') client.memberId = ''
    const text = decodeUtf8(reply.assignment)
    if (reply.error !== 'NONE') assert.equal(text, '')
    if (reply.error !== 'NONE' || text === '') return
    // Nobody gets what the leader of this generation gave to another; a static member may get its predecessor's.
    const [id, generation] = text.split('@')
    assert.equal(Number(generation), this.#group.generation)
    assert.ok(id!.startsWith(client.name), id)
  }

  #memberIds(): string[] {
    return this.#group
      .members()
      .map(({ memberId }) => memberId)
      .sort()
  }

  #wait(ms: number): void {
    const until = this.#nowMs + ms
    for (;;) {
      const due = this.#group.nextDeadlineMs()
      if (due > until) break
      this.#nowMs = Math.max(this.#nowMs, due)
      this.#take(this.#group.tick(this.#nowMs))
      assert.ok(this.#group.nextDeadlineMs() > this.#nowMs)
    }
    this.#nowMs = until
  }

  #restart(): void {
    if (!this.#snapshot) return
    this.#take(this.#group.die('COORDINATOR_NOT_AVAILABLE'))
    this.#group = ClassicGroup.restore('g', this.#limits, this.#snapshot, this.#nowMs)
    this.#generation = this.#group.generation
    this.#leaders.clear()
  }

  #check(): void {
    const { state, size, generation } = this.#group
    assert.ok(generation >= this.#generation, `${generation}`)
    this.#generation = generation
    assert.ok(size <= sizeMax, `${size}`)
    assert.equal(size === 0, state === 'Empty')
    assert.equal(new Set(this.#memberIds()).size, size)
    const instances = this.#group.members().flatMap(({ groupInstanceId }) => groupInstanceId ?? [])
    assert.equal(new Set(instances).size, instances.length)
    if (state !== 'Empty') assert.ok(this.#group.nextDeadlineMs() < this.#nowMs + 60_000)
  }

  /** Left alone, the group answers everyone and ends. */
  finish(): void {
    this.#wait(300_000)
    expect(this.#asked.every(({ isAnswered }) => isAnswered)).toBe(true)
    expect(this.#group.state).toBe('Empty')
    expect(this.#group.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY)
  }
}

const client = fc.nat(clients.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      client,
      protocols: fc.constantFrom('r', 'r', 'r', 'rs', 'sr', 's', ''),
      forgets: fc.integer({ max: 5, min: 0 }).map((n) => n === 0),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('sync', 'sync', 'sync', 'beat', 'beat', 'commit', 'leave'),
      client,
      back: fc.constantFrom(0, 0, 0, 0, 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 100, 3000, 9999, 10_000, 20_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
)

test.each([0, 3000])('random lives with an initial delay of %i ms', (delayMs) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const life = new Life(delayMs)
      for (const one of steps) life.act(one)
      life.finish()
    }),
    { numRuns: 1000 },
  )
})
