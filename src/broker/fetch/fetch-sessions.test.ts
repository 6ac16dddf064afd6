import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../../test/broker/manual-runtime.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  createFetchRequestForgottenTopic,
  createFetchResponsePartitionData,
  type FetchResponsePartitionData,
} from '../../protocol/messages/generated/fetch.ts'
import { type FetchSessionLimits, FetchSessions } from './fetch-sessions.ts'

const full = 0
const final = -1
const twoMinutesMs = 120_000

interface Ask {
  readonly id?: number
  readonly epoch?: number
  /** Partition numbers of topic `t`, or topics and theirs. */
  readonly wants?: readonly number[] | readonly (readonly [topic: string, readonly number[]])[]
  readonly forgets?: readonly number[]
  readonly version?: number
  /** What to say of a partition; default: an empty partition. */
  readonly answer?: (partition: number) => Partial<FetchResponsePartitionData>
  readonly isHeard?: boolean
}

let runtime: ManualRuntime
let sessions: FetchSessions

function limitTo(limits: Partial<FetchSessionLimits>): void {
  sessions = new FetchSessions(runtime, { sessionsMax: 10, partitionsMax: 100, ...limits })
}

beforeEach(() => {
  runtime = new ManualRuntime()
  // The manual runtime always gives the same number, and an id that has just become free would be given again.
  let ids = 0
  runtime.random = () => ++ids / 1000
  limitTo({})
})

function begin({ id = 0, epoch = full, wants = [], forgets = [], version = 12 }: Ask) {
  const topics = wants.every((one) => typeof one === 'number') ? [['t', wants] as const] : wants
  const request = createFetchRequest({
    sessionId: id,
    sessionEpoch: epoch,
    topics: topics.map(([topic, partitions]) =>
      createFetchRequestFetchTopic({
        topic,
        topicId: topic,
        partitions: partitions.map((partition) => createFetchRequestFetchPartition({ partition })),
      }),
    ),
    forgottenTopicsData: [
      createFetchRequestForgottenTopic({ topic: 't', topicId: 't', partitions: [...forgets] }),
    ],
  })
  return sessions.begin(request, version)
}

/** One request, answered. */
function ask(options: Ask) {
  const exchange = begin(options)
  const answers = exchange.targets.map(({ wanted: { partition } }) =>
    createFetchResponsePartitionData({
      partitionIndex: partition,
      highWatermark: 0n,
      lastStableOffset: 0n,
      logStartOffset: 0n,
      ...options.answer?.(partition),
    }),
  )
  const response = exchange.respond(answers, options.isHeard ?? true)
  return {
    id: response.sessionId,
    error: errorName(response.errorCode),
    read: exchange.targets.map(({ wanted: { partition } }) => partition),
    told: response.responses.flatMap(({ partitions }) =>
      partitions.map(({ partitionIndex }) => partitionIndex),
    ),
    topics: response.responses.map(({ topic }) => topic),
  }
}

const records = new Uint8Array([1])

describe('what a request means', () => {
  test('epoch 0 opens a session, and names every partition in the answer', () => {
    const { id, told, error } = ask({ wants: [1, 0, 2] })
    expect(id).toBeGreaterThan(0)
    expect({ told, error }).toEqual({ told: [1, 0, 2], error: 'NONE' })
    expect([sessions.count, sessions.partitionCount]).toEqual([1, 3])
  })

  test('epoch -1 opens none', () => {
    expect(ask({ epoch: final, wants: [0] })).toMatchObject({ id: 0, told: [0], error: 'NONE' })
    expect(sessions.count).toBe(0)
  })

  test('epoch -1 ends the session that it names', () => {
    const { id } = ask({ wants: [0] })
    expect(ask({ id, epoch: final })).toMatchObject({ id: 0, told: [], error: 'NONE' })
    expect([sessions.count, sessions.partitionCount]).toEqual([0, 0])
    expect(ask({ id, epoch: 1 })).toMatchObject({ id: 0, error: 'FETCH_SESSION_ID_NOT_FOUND' })
  })

  test('epoch 0 with a session puts another in its place', () => {
    const first = ask({ wants: [0, 1] })
    const second = ask({ id: first.id, wants: [2] })
    expect([sessions.count, sessions.partitionCount]).toEqual([1, 1])
    expect(ask({ id: second.id, epoch: 1 }).read).toEqual([2])
  })

  test.each([1, 7, -2])('epoch %i without a session', (epoch) => {
    expect(ask({ epoch, wants: [0] })).toMatchObject({
      id: 0,
      told: [],
      error: 'FETCH_SESSION_ID_NOT_FOUND',
    })
  })

  test.each([2, -2, 2_147_483_647])('epoch %i when 1 is due leaves the session', (epoch) => {
    const { id } = ask({ wants: [0] })
    expect(ask({ id, epoch, wants: [5] })).toMatchObject({
      id: 0,
      told: [],
      error: 'INVALID_FETCH_SESSION_EPOCH',
    })
    expect(ask({ id, epoch: 1 })).toMatchObject({ id, read: [0], error: 'NONE' })
  })

  test('a request that comes twice', () => {
    const { id } = ask({ wants: [0] })
    expect(ask({ id, epoch: 1 }).error).toBe('NONE')
    expect(ask({ id, epoch: 1 }).error).toBe('INVALID_FETCH_SESSION_EPOCH')
    expect(ask({ id, epoch: 2 }).error).toBe('NONE')
  })

  test('a request that was overtaken while it waited is refused when it is answered', () => {
    const { id } = ask({ wants: [0] })
    const waiting = begin({ id, epoch: 1 })
    expect(ask({ id, epoch: 2 }).error).toBe('NONE')
    const { errorCode, sessionId, responses } = waiting.respond(
      [createFetchResponsePartitionData({ highWatermark: 9n })],
      true,
    )
    expect([errorName(errorCode), sessionId, responses]).toEqual([
      'INVALID_FETCH_SESSION_EPOCH',
      id,
      [],
    ])
  })

  test('names and ids do not mix', () => {
    const byName = ask({ wants: [0], version: 12 })
    const byId = ask({ wants: [0], version: 13 })
    const error = 'FETCH_SESSION_TOPIC_ID_ERROR'
    expect(ask({ id: byName.id, epoch: 1, version: 13 })).toMatchObject({ id: 0, error })
    expect(ask({ id: byId.id, epoch: 1, version: 12 })).toMatchObject({ id: 0, error })
    expect(ask({ id: byId.id, epoch: 1, version: 18 })).toMatchObject({ id: byId.id })
  })

  test('nobody gets a session who has gone', () => {
    expect(ask({ wants: [0], isHeard: false }).id).toBe(0)
    expect(sessions.count).toBe(0)
  })
})

describe('the partitions of a session', () => {
  test('change as requests say', () => {
    const { id } = ask({ wants: [0, 1, 2] })
    expect(ask({ id, epoch: 1, wants: [3], forgets: [1] }).read).toEqual([0, 2, 3])
    expect(sessions.partitionCount).toBe(3)
    expect(ask({ id, epoch: 2, wants: [1] }).read).toEqual([0, 2, 3, 1])
  })

  test('are forgotten after they are added', () => {
    const { id } = ask({ wants: [0] })
    expect(ask({ id, epoch: 1, wants: [1], forgets: [1] }).read).toEqual([0])
  })

  test.each([
    ['in a topic', [0, 1, 0]],
    [
      'in two places',
      [
        ['t', [0]],
        ['u', [0]],
        ['t', [0]],
      ] as const,
    ],
  ])('are read once when a request names them twice %s', (_, wants) => {
    expect(begin({ wants, epoch: final }).targets).toHaveLength(2)
  })

  test('that are forgotten altogether end it', () => {
    const { id } = ask({ wants: [0, 1] })
    expect(ask({ id, epoch: 1, forgets: [0, 1] })).toMatchObject({ id: 0, error: 'NONE', told: [] })
    expect([sessions.count, sessions.partitionCount]).toEqual([0, 0])
  })

  test('of several topics stay apart', () => {
    const { id } = ask({
      wants: [
        ['t', [0]],
        ['u', [0]],
      ],
    })
    const { topics } = ask({ id, epoch: 1, forgets: [0], answer: () => ({ records }) })
    expect(topics).toEqual(['u'])
  })
})

describe('an incremental answer', () => {
  test('is empty when nothing is new', () => {
    const { id } = ask({ wants: [0, 1] })
    expect(ask({ id, epoch: 1 })).toMatchObject({ id, told: [], read: [0, 1] })
  })

  test.each<[string, Partial<FetchResponsePartitionData>]>([
    ['records', { records }],
    ['a high watermark', { highWatermark: 5n }],
    ['a last stable offset', { lastStableOffset: 5n }],
    ['a log start', { logStartOffset: 5n }],
    ['an error', { errorCode: 1 }],
    ['a diverging epoch', { divergingEpoch: { epoch: 1, endOffset: 5n } }],
  ])('holds a partition with %s', (_, news) => {
    const { id } = ask({ wants: [0, 1] })
    const answer = (partition: number) => (partition === 1 ? news : {})
    expect(ask({ id, epoch: 1, answer }).told).toEqual([1])
  })

  test('holds a partition that is new', () => {
    const { id } = ask({ wants: [0] })
    expect(ask({ id, epoch: 1, wants: [1] }).told).toEqual([1])
    expect(ask({ id, epoch: 2, wants: [1] }).told).toEqual([])
  })

  test('holds a partition that was forgotten and is back', () => {
    const { id } = ask({ wants: [0, 1] })
    ask({ id, epoch: 1, forgets: [1] })
    expect(ask({ id, epoch: 2, wants: [1] }).told).toEqual([1])
  })

  test('repeats an error, and then tells once that the partition is well again', () => {
    const { id } = ask({ wants: [0, 1], answer: (p) => (p === 1 ? { errorCode: 3 } : {}) })
    expect(ask({ id, epoch: 1, answer: (p) => (p === 1 ? { errorCode: 3 } : {}) }).told).toEqual([
      1,
    ])
    expect(ask({ id, epoch: 2 }).told).toEqual([1])
    expect(ask({ id, epoch: 3 }).told).toEqual([])
  })

  test('sends those that gave records to the end', () => {
    const { id } = ask({ wants: [0, 1, 2, 3] })
    const gives = (...partitions: number[]) => ({
      answer: (p: number) => (partitions.includes(p) ? { records } : {}),
    })
    expect(ask({ id, epoch: 1, ...gives(0, 2) }).told).toEqual([0, 2])
    expect(ask({ id, epoch: 2, ...gives(1) }).read).toEqual([1, 3, 0, 2])
    expect(ask({ id, epoch: 3 }).read).toEqual([3, 0, 2, 1])
  })

  test('does not bring back what was forgotten meanwhile', () => {
    const { id } = ask({ wants: [0, 1] })
    const waiting = begin({ id, epoch: 1 })
    ask({ id, epoch: 2, forgets: [0] })
    const answer = createFetchResponsePartitionData({ records })
    waiting.respond([answer, answer], true)
    expect(ask({ id, epoch: 3 }).read).toEqual([1])
  })

  test('keeps the partitions of a topic together only where they follow one another', () => {
    const { id } = ask({
      wants: [
        ['t', [0, 1]],
        ['u', [0, 1]],
      ],
    })
    ask({ id, epoch: 1, answer: (p) => (p === 0 ? { records } : {}) })
    const { told, topics } = ask({ id, epoch: 2, answer: () => ({ records }) })
    expect({ told, topics }).toEqual({ told: [1, 1, 0, 0], topics: ['t', 'u', 't', 'u'] })
    const again = ask({ id, epoch: 3, wants: [['u', [2]]], answer: () => ({ records }) })
    expect(again.topics).toEqual(['t', 'u', 't', 'u'])
  })
})

describe('room', () => {
  test('no session where none are wanted', () => {
    limitTo({ sessionsMax: 0 })
    expect(ask({ wants: [0] })).toMatchObject({ id: 0, told: [0], error: 'NONE' })
  })

  test('no session beyond the limit while all are in use', () => {
    limitTo({ sessionsMax: 2 })
    const first = ask({ wants: [0] })
    ask({ wants: [0] })
    expect(ask({ wants: [0, 1, 2] }).id).toBe(0)
    expect(ask({ id: first.id, epoch: 1 }).error).toBe('NONE')
  })

  test('the session that was unused the longest goes after two minutes', () => {
    limitTo({ sessionsMax: 2 })
    const first = ask({ wants: [0, 1, 2] })
    const second = ask({ wants: [0, 1, 2] })
    runtime.advance(1)
    ask({ id: first.id, epoch: 1 })
    runtime.advance(twoMinutesMs - 1)
    expect(ask({ wants: [0] }).id).toBe(0)
    runtime.advance(1)
    expect(ask({ wants: [0] }).id).toBeGreaterThan(0)
    expect(ask({ id: second.id, epoch: 1 }).error).toBe('FETCH_SESSION_ID_NOT_FOUND')
    expect(ask({ id: first.id, epoch: 2 }).error).toBe('NONE')
  })

  test('a smaller session that is older than two minutes makes room for a larger one', () => {
    limitTo({ sessionsMax: 2 })
    const small = ask({ wants: [0, 1] })
    const large = ask({ wants: [0, 1, 2] })
    const useBoth = (epoch: number) => {
      ask({ id: small.id, epoch })
      ask({ id: large.id, epoch })
    }
    runtime.advance(twoMinutesMs)
    useBoth(1)
    expect(ask({ wants: [0, 1, 2] }).id).toBe(0)
    runtime.advance(1)
    expect(ask({ wants: [0, 1] }).id).toBe(0)
    expect(ask({ wants: [0, 1, 2] }).id).toBeGreaterThan(0)
    expect(ask({ id: small.id, epoch: 2 }).error).toBe('FETCH_SESSION_ID_NOT_FOUND')
    expect(ask({ id: large.id, epoch: 2 }).error).toBe('NONE')
  })

  test('a session that would remember too many partitions is not granted', () => {
    limitTo({ partitionsMax: 5 })
    expect(ask({ wants: [0, 1, 2, 3] }).id).toBeGreaterThan(0)
    expect(ask({ wants: [0, 1] })).toMatchObject({ id: 0, told: [0, 1] })
    expect(ask({ wants: [0] }).id).toBeGreaterThan(0)
    expect(sessions.partitionCount).toBe(5)
  })

  test('a session that grows beyond the limit ends, and its client begins anew', () => {
    limitTo({ partitionsMax: 3 })
    const { id } = ask({ wants: [0, 1, 2] })
    const grown = ask({ id, epoch: 1, wants: [3] })
    expect(grown).toMatchObject({ id: 0, error: 'FETCH_SESSION_ID_NOT_FOUND' })
    expect([sessions.count, sessions.partitionCount]).toEqual([0, 0])
  })

  test('unused sessions go when partitions are wanted, used ones do not', () => {
    limitTo({ partitionsMax: 4 })
    const unused = ask({ wants: [0, 1] })
    const used = ask({ wants: [0] })
    runtime.advance(twoMinutesMs + 1)
    ask({ id: used.id, epoch: 1 })
    expect(ask({ wants: [0, 1, 2, 3] }).id).toBe(0)
    expect(ask({ wants: [0, 1, 2] }).id).toBeGreaterThan(0)
    expect(ask({ id: used.id, epoch: 2 }).error).toBe('NONE')
    expect(ask({ id: unused.id, epoch: 1 }).error).toBe('FETCH_SESSION_ID_NOT_FOUND')
  })

  test('a name that is too long for a topic is not remembered', () => {
    const long = 'x'.repeat(250)
    expect(ask({ wants: [[long, [0]]] })).toMatchObject({ id: 0, told: [0] })
    const { id } = ask({ wants: [0] })
    // Not even in the place of another.
    expect(ask({ id, epoch: 1, wants: [[long, [0]]], forgets: [0] })).toMatchObject({
      error: 'FETCH_SESSION_ID_NOT_FOUND',
    })
    expect([sessions.count, sessions.partitionCount]).toEqual([0, 0])
  })

  test('ids are not given twice', () => {
    runtime.random = () => 0.999_999_999_9
    const ids = [ask({ wants: [0] }), ask({ wants: [0] }), ask({ wants: [0] })].map(({ id }) => id)
    expect(new Set(ids).size).toBe(3)
  })
})
