import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AssignmentInput, GroupMemberSubscription, TopicPartition } from './assignor.ts'
import { assignors as all } from './assignors.ts'
import { checkAssignment } from './checked-assignment.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.ts'

/** Each as a function from its input to partitions by member. */
const assignors = {
  range: sharing('range'),
  roundrobin: sharing('roundrobin'),
  'cooperative-sticky': sharing('cooperative-sticky'),
}

function sharing(name: keyof typeof all) {
  return {
    name,
    assign(given: AssignmentInput): Map<string, readonly TopicPartition[]> {
      const assignment = checkAssignment(all[name], given, all[name].assign(given))
      return new Map([...assignment].map(([id, { partitions }]) => [id, partitions]))
    },
  }
}

const topicNames = ['a', 'b', 'c']
const input: fc.Arbitrary<AssignmentInput> = fc
  .record({
    counts: fc.array(fc.nat(7), { minLength: 3, maxLength: 3 }),
    subscriptions: fc.array(fc.subarray(topicNames, { minLength: 1 }), {
      minLength: 1,
      maxLength: 6,
    }),
    claims: fc.array(fc.tuple(fc.nat(5), fc.constantFrom(...topicNames), fc.nat(8)), {
      maxLength: 20,
    }),
  })
  .map(({ counts, subscriptions, claims }) => ({
    partitionsPerTopic: new Map(topicNames.map((name, i) => [name, counts[i]!])),
    members: subscriptions.map((topics, i) => ({
      ...member(`m${i}`, topics),
      ownedPartitions: claims
        .filter(([m]) => m === i)
        .map(([, topic, partition]) => ({ topic, partition })),
      generation: i,
    })),
  }))

function member(memberId: string, topics: readonly string[]): GroupMemberSubscription {
  return {
    memberId,
    groupInstanceId: null,
    topics,
    ownedPartitions: [],
    generation: -1,
    userData: null,
  }
}

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`

function names(assignment: ReadonlyMap<string, readonly TopicPartition[]>): {
  [memberId: string]: string[]
} {
  return Object.fromEntries([...assignment].map(([id, partitions]) => [id, partitions.map(nameOf)]))
}

describe.each(Object.values(assignors))('$name', (assignor) => {
  test('gives partitions only to subscribers, and none twice', () => {
    fc.assert(
      fc.property(input, (given) => {
        const assignment = assignor.assign(given)
        const all = [...assignment].flatMap(([memberId, partitions]) => {
          const { topics } = given.members.find((candidate) => candidate.memberId === memberId)!
          for (const { topic } of partitions) expect(topics).toContain(topic)
          return partitions.map(nameOf)
        })
        expect(new Set(all).size).toBe(all.length)
      }),
    )
  })

  test('leaves no partition out once nobody holds another’s', () => {
    fc.assert(
      fc.property(input, (given) => {
        let current = given
        let assignment = assignor.assign(current)
        for (let round = 0; round < 3; round++) {
          const members = current.members.map((one) => ({
            ...one,
            ownedPartitions: assignment.get(one.memberId)!,
            generation: 10 + round,
          }))
          current = { ...current, members }
          assignment = assignor.assign(current)
        }
        const subscribed = new Set(given.members.flatMap(({ topics }) => topics))
        const expected = [...given.partitionsPerTopic].reduce(
          (sum, [topic, count]) => sum + (subscribed.has(topic) ? count : 0),
          0,
        )
        expect([...assignment.values()].flat().length).toBe(expected)
      }),
    )
  })
})

describe('range', () => {
  test('gives the first members one more', () => {
    const members = ['m2', 'm1', 'm0'].map((id) => member(id, ['a']))
    expect(
      names(assignors.range.assign({ members, partitionsPerTopic: new Map([['a', 7]]) })),
    ).toEqual({
      m0: ['a-0', 'a-1', 'a-2'],
      m1: ['a-3', 'a-4'],
      m2: ['a-5', 'a-6'],
    })
  })
})

describe('roundrobin', () => {
  test('goes on over topics', () => {
    const members = ['m0', 'm1'].map((id) => member(id, ['a', 'b']))
    expect(
      names(
        assignors.roundrobin.assign({
          members,
          partitionsPerTopic: new Map([
            ['a', 3],
            ['b', 2],
          ]),
        }),
      ),
    ).toEqual({
      m0: ['a-0', 'a-2', 'b-1'],
      m1: ['a-1', 'b-0'],
    })
  })
})

describe('cooperative-sticky', () => {
  const { assign } = assignors['cooperative-sticky']

  test('never gives away what another still holds', () => {
    fc.assert(
      fc.property(input, (given) => {
        const claimedBy = new Map<string, string[]>()
        for (const { memberId, ownedPartitions, topics } of given.members) {
          for (const owned of ownedPartitions) {
            if (topics.includes(owned.topic))
              claimedBy.set(nameOf(owned), [...(claimedBy.get(nameOf(owned)) ?? []), memberId])
          }
        }
        for (const [memberId, partitions] of assign(given)) {
          for (const partition of partitions)
            expect(claimedBy.get(nameOf(partition)) ?? [memberId]).toContain(memberId)
        }
      }),
    )
  })

  test('is balanced when all subscribe to the same, and moves nothing more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(20), (size, count) => {
        let members = Array.from({ length: size }, (_, i) => member(`m${i}`, ['a']))
        const partitionsPerTopic = new Map([['a', count]])
        let before = ''
        for (let round = 0; round < 3; round++) {
          const assignment = assign({ members, partitionsPerTopic })
          const loads = [...assignment.values()].map((partitions) => partitions.length)
          expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
          const after = JSON.stringify(names(assignment))
          if (round > 0) expect(after).toBe(before)
          before = after
          members = members.map((one) => ({
            ...one,
            ownedPartitions: assignment.get(one.memberId)!,
            generation: round,
          }))
        }
      }),
    )
  })

  test('levels along chains of members when no two of them could', () => {
    const members = [member('m0', ['a']), member('m1', ['a', 'b']), member('m2', ['b'])]
    const hold = (at: number, topic: string, count: number) => ({
      ...members[at]!,
      ownedPartitions: Array.from({ length: count }, (_, partition) => ({ topic, partition })),
      generation: 1,
    })
    const holding = [hold(0, 'a', 3), hold(1, 'b', 2), members[2]!]
    const partitionsPerTopic = new Map([
      ['a', 3],
      ['b', 3],
    ])
    const first = assign({ members: holding, partitionsPerTopic })
    expect(names(first)).toEqual({ m0: ['a-0', 'a-1'], m1: ['b-0'], m2: ['b-2'] })
    const then = holding.map((one) => ({
      ...one,
      ownedPartitions: first.get(one.memberId)!,
      generation: 2,
    }))
    const second = assign({ members: then, partitionsPerTopic })
    expect([...second.values()].map((partitions) => partitions.length)).toEqual([2, 2, 2])
  })

  test('a new member gets its share in two rounds, and the others keep theirs', () => {
    const partitionsPerTopic = new Map([['a', 6]])
    const old = member('old', ['a'])
    const holding = {
      ...old,
      ownedPartitions: assign({ members: [old], partitionsPerTopic }).get('old')!,
      generation: 1,
    }
    const first = assign({ members: [holding, member('young', ['a'])], partitionsPerTopic })
    expect(names(first)).toEqual({ old: ['a-0', 'a-1', 'a-2'], young: [] })
    const members = [
      { ...old, ownedPartitions: first.get('old')!, generation: 2 },
      { ...member('young', ['a']), generation: 2 },
    ]
    expect(names(assign({ members, partitionsPerTopic }))).toEqual({
      old: ['a-0', 'a-1', 'a-2'],
      young: ['a-3', 'a-4', 'a-5'],
    })
  })
})

/**
 * What kafka-clients 4.3.1 makes of random groups: range and round-robin, and two rounds of cooperative-sticky. `owned`
 * is what a former round of its own gave.
 */
interface JavaCase {
  readonly partitions: { readonly [topic: string]: number }
  /** `topics`: names of one letter each. */
  readonly members: readonly { id: string; instance?: string; topics: string; owned?: string[] }[]
  readonly range: { [memberId: string]: string[] }
  readonly roundrobin: { [memberId: string]: string[] }
  readonly sticky1: { [memberId: string]: string[] }
  readonly sticky2: { [memberId: string]: string[] }
}

describe('beside Kafka’s Java client', () => {
  const file = fileURLToPath(new URL('java-assignments.jsonl', import.meta.url))
  const cases = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JavaCase)

  function inputOf({ partitions, members }: JavaCase): AssignmentInput {
    return {
      partitionsPerTopic: new Map(Object.entries(partitions)),
      members: members.map(({ id, instance, topics, owned = [] }) => ({
        ...member(id, [...topics]),
        groupInstanceId: instance ?? null,
        ownedPartitions: owned.map((name) => ({
          topic: name[0]!,
          partition: Number(name.slice(2)),
        })),
        generation: owned.length > 0 ? 5 : -1,
      })),
    }
  }

  test.each(['range', 'roundrobin'] as const)('%s assigns the same', (name) => {
    for (const one of cases) expect(names(assignors[name].assign(inputOf(one)))).toEqual(one[name])
  })

  test('cooperative-sticky is as balanced, and moves hardly more', () => {
    const { assign } = assignors['cooperative-sticky']
    const unevenness = (assignment: { [memberId: string]: string[] }) =>
      Object.values(assignment).reduce((sum, { length }) => sum + length ** 2, 0)
    let keptHere = 0
    let keptThere = 0
    for (const one of cases) {
      const input = inputOf(one)
      const first = assign(input)
      const members = input.members.map((of) => ({
        ...of,
        ownedPartitions: first.get(of.memberId)!,
        generation: 6,
      }))
      const second = names(assign({ ...input, members }))
      // Where it needs a third round it cannot be compared.
      const count = (of: object) => Object.values(of).flat().length
      if (count(one.sticky2) < count(second)) continue
      expect(unevenness(second)).toBeLessThanOrEqual(unevenness(one.sticky2))
      for (const { id, owned = [] } of one.members) {
        keptHere += owned.filter((name) => second[id]!.includes(name)).length
        keptThere += owned.filter((name) => one.sticky2[id]!.includes(name)).length
      }
    }
    expect(keptHere).toBeGreaterThanOrEqual(keptThere * 0.99)
  })

  test.each([
    ['000000000002000161000162ffffffff', [], -1],
    [
      '000100000002000161000162ffffffff000000020001610000000100000001000162000000020000000000000002',
      ['a-1', 'b-0', 'b-2'],
      -1,
    ],
    ['0001000000020001610001620000000400000009000000010001610000000100000001', ['a-1'], 9],
    [
      '000200000002000161000162ffffffff00000002000161000000010000000100016200000002000000000000000200000007',
      ['a-1', 'b-0', 'b-2'],
      7,
    ],
    [
      '000300000002000161000162ffffffff0000000200016100000001000000010001620000000200000000000000020000000700047261636b',
      ['a-1', 'b-0', 'b-2'],
      7,
    ],
  ])('its subscription %s is read', (hex, owned, generationId) => {
    const subscription = decodeSubscription(Uint8Array.from(Buffer.from(hex, 'hex')))
    expect(subscription).toMatchObject({ topics: ['a', 'b'], generationId })
    expect(subscription.ownedPartitions.map(nameOf)).toEqual(owned)
  })

  test('its assignment is read', () => {
    const hex = '0003000000020001620000000200000002000000000001610000000100000001ffffffff'
    const { partitions } = decodeAssignment(Uint8Array.from(Buffer.from(hex, 'hex')))
    expect(partitions.map(nameOf)).toEqual(['b-2', 'b-0', 'a-1'])
  })
})

test('subscriptions and assignments travel as bytes', () => {
  const subscription = {
    topics: ['a', 'b'],
    ownedPartitions: [{ topic: 'a', partition: 3 }],
    generationId: 7,
    userData: Uint8Array.of(1, 2, 3, 4, 5),
  }
  expect(decodeSubscription(encodeSubscription(subscription))).toEqual(subscription)
  const assignment = {
    partitions: [
      { topic: 'b', partition: 0 },
      { topic: 'b', partition: 2 },
    ],
    userData: Uint8Array.of(6),
  }
  expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
})

describe('what an assignor gives is checked', () => {
  const given = {
    members: [
      { ...member('one', ['a']), ownedPartitions: [{ topic: 'a', partition: 0 }], generation: 3 },
      member('two', ['a', 'b']),
    ],
    partitionsPerTopic: new Map([
      ['a', 2],
      ['b', 1],
    ]),
  }
  const to = (memberId: string, ...partitions: TopicPartition[]) =>
    [memberId, { partitions }] as const
  const a0 = { topic: 'a', partition: 0 }
  const b0 = { topic: 'b', partition: 0 }
  const check = (protocol: 'eager' | 'cooperative', result: unknown) =>
    checkAssignment({ name: 'mine', protocol, assign: () => new Map() }, given, result)

  test.each<[string, unknown, RegExp]>([
    ['no Map', { one: [] }, /'mine' must return a Map of/],
    ['a list instead of an assignment', new Map([['one', [a0]]]), /must assign { partitions/],
    ['nobody', new Map([to('three', a0)]), /'three', which is not a member/],
    ['twice', new Map([to('one', a0), to('two', a0)]), /gave a-0 twice, to 'one' and 'two'/],
    ['not subscribed', new Map([to('one', b0)]), /assigned b-0 to 'one', which does not subscribe/],
    [
      'not there',
      new Map([to('two', { topic: 'b', partition: 1 })]),
      /gave b-1 to 'two', but 'b' has 1/,
    ],
    [
      'text for user data',
      new Map([['one', { partitions: [], userData: 'x' }]]),
      /userData that is not bytes/,
    ],
  ])('%s', (_, result, message) => {
    expect(() => check('eager', result)).toThrow(message)
  })

  test('where it is cooperative, a partition that another member still has', () => {
    const taken = new Map([to('two', a0)])
    expect(() => check('cooperative', taken)).toThrow(/while 'one' still owns it/)
    expect(check('eager', taken)).toBe(taken)
  })
})
