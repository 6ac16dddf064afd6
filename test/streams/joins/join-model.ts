/** What joins give, in the plainest way: lists that are looked through. */
import { line, type Model, type Sent } from './against-model.ts'

export interface JoinModelOptions {
  readonly type: 'inner' | 'left' | 'outer'
  readonly before: number
  readonly after: number
  readonly grace: number
  /** Undefined: only records of one key pair. */
  readonly anyKey?: boolean
  readonly on?: (left: never, right: never) => boolean
}

interface Held extends Sent {
  readonly number: number
}

interface Waiting {
  readonly held: Held
  readonly isLeft: boolean
}

export interface JoinState {
  count: number
  now: number
  readonly left: Held[]
  readonly right: Held[]
  waiting: Waiting[]
  /** As Kafka Streams' minTime. */
  since: number
}

/** Topics 'left' and 'right'; of a join with itself 'both'. */
export function joinModel(options: JoinModelOptions): Model<JoinState> {
  return {
    initial: () => ({
      count: 0,
      now: -1,
      left: [],
      right: [],
      waiting: [],
      since: Number.MAX_VALUE,
    }),
    apply: (state, record) => {
      const sides = record.topic === 'both' ? [true, false] : [record.topic === 'left']
      return sides.flatMap((isLeft) => arrive(state, record, isLeft, options))
    },
  }
}

function arrive(
  state: JoinState,
  record: Sent,
  isLeft: boolean,
  options: JoinModelOptions,
): string[] {
  const { key, value, timestamp } = record
  state.now = Math.max(state.now, timestamp)
  const waits = options.type === 'outer' || (options.type === 'left' && isLeft)
  if (value === null) return []
  if (key === null && !options.anyKey) return waits ? [alone(record, isLeft)] : []
  const out = timestamp === state.now ? close(state, isLeft, options) : []
  const held = { ...record, number: state.count++ }
  const found = partners(state, held, isLeft, options)
  for (const other of found) {
    const [l, r] = isLeft ? [record, other] : [other, record]
    out.push(line(l.key, [l.value, r.value], Math.max(timestamp, other.timestamp)))
    state.waiting = state.waiting.filter(
      (one) => one.held.number !== other.number || one.isLeft === isLeft,
    )
  }
  ;(isLeft ? state.left : state.right).push(held)
  if (found.length > 0 || !waits) return out
  if (timestamp + laterOf(isLeft, options) < state.now) out.push(alone(record, isLeft))
  else {
    state.waiting.push({ held, isLeft })
    state.since = Math.min(state.since, timestamp)
  }
  return out
}

/** All of the other side that it still keeps, and that are close enough. */
function partners(
  state: JoinState,
  held: Held,
  isLeft: boolean,
  options: JoinModelOptions,
): Held[] {
  const { before, after, grace, anyKey, on } = options
  const others = isLeft ? state.right : state.left
  const newest = Math.max(...others.map((one) => one.timestamp))
  const kept = others.filter((one) => one.timestamp > newest - Math.max(before + after + grace, 1))
  return kept.filter((other) => {
    const [l, r] = isLeft ? [held, other] : [other, held]
    const apart = r.timestamp - l.timestamp
    const isClose = apart >= -before && apart <= after
    return isClose && (anyKey || l.key === r.key) && (!on || on(l.value as never, r.value as never))
  })
}

/** As Kafka Streams looks through what waits: by time, right before left. */
function close(state: JoinState, isLeft: boolean, options: JoinModelOptions): string[] {
  const { grace } = options
  if (state.since + laterOf(isLeft, options) + grace >= state.now) return []
  state.since = Number.MAX_VALUE
  const out: string[] = []
  let leftIsOpen = false
  let rightIsOpen = false
  const order = [...state.waiting].sort(
    (a, b) => a.held.timestamp - b.held.timestamp || Number(a.isLeft) - Number(b.isLeft),
  )
  for (const one of order) {
    state.since = one.held.timestamp
    if (leftIsOpen && rightIsOpen) break
    if (one.held.timestamp + laterOf(one.isLeft, options) + grace >= state.now) {
      if (one.isLeft) leftIsOpen = true
      else rightIsOpen = true
      continue
    }
    out.push(alone(one.held, one.isLeft))
    state.waiting = state.waiting.filter((other) => other !== one)
  }
  return out
}

function laterOf(isLeft: boolean, { before, after }: JoinModelOptions): number {
  return isLeft ? after : before
}

function alone({ key, value, timestamp }: Sent, isLeft: boolean): string {
  return line(key, isLeft ? [value, null] : [null, value], timestamp)
}
