/**
 * Joins the rows of a left table with the row of a right one that a foreign key in the left value names.
 *
 *   left table ──▶ subscribe ─ (subscriptions, by foreign key) ─▶ answer ◀── right table
 *        └──────▶ resolve ◀────── (answers, by the left key) ───────┘
 *
 * The left row's task cannot see the right table: the right row is in another task. So it subscribes there, and is answered.
 * Answers may come late: one to a value that the left row no longer has is passed over, by a digest of the value.
 */
import type { Serializer } from '../../client/serializer.ts'
import { frozen } from '../freeze.ts'
import { Operator, type OperatorScope, type Receive } from '../operator.ts'
import { keyCodec } from '../stores/key-codec.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import type { PrefixedStore } from '../stores/prefixed-store.ts'
import type { StreamRecord } from '../stream-record.ts'
import { eachInTurn } from '../task/in-turn.ts'
import { pairSerializer } from './envelope.ts'
import {
  type Answer,
  bothKeysSerializer,
  digestOf,
  Instruction,
  type Subscription,
  subscriptionSerializer,
} from './foreign-key-messages.ts'
import { defined } from './stateless.ts'
import type { View } from './table.ts'

export interface ForeignKeyOptions {
  /** Of the result's store. */
  readonly name: string | undefined
  readonly type: 'inner' | 'left'
  readonly foreignKey: (value: never, key: never) => unknown
  readonly leftKey: Serializer<unknown>
  readonly leftValue: Serializer<unknown>
  readonly rightKey: Serializer<unknown>
  readonly rightValue: Serializer<unknown>
}

type Select = (value: unknown, key: unknown) => unknown

/** Behind the left table: makes records of `Subscription`. */
export function subscribe(left: Operator, options: ForeignKeyOptions): Operator {
  return new Operator({
    kind: 'subscribe',
    parents: [left],
    parameters: { type: options.type },
    create: (scope) => [subscriber(scope, options)],
  })
}

function subscriber(scope: OperatorScope, options: ForeignKeyOptions): Receive {
  const { forward, dropped } = scope
  const call = scope.guardSync(
    (value: unknown, key: unknown) =>
      defined((options.foreignKey as unknown as Select)(value, key), 'join (foreignKey)'),
    'foreignKey of join',
  )
  const keys = keyCodec(options.rightKey, 'join by foreign key')
  const text = scope.guard((key: unknown) => (key === null ? null : keys.toText(key)))
  const digest = scope.guard((value: unknown) => digestOf(options.leftValue, value))
  const foreignKeyOf = (value: unknown, record: StreamRecord) =>
    value === null ? null : call(value, record.key)
  return (record, old, isLatest) => {
    // A version of the past changes nothing of what is now.
    if (isLatest === false) return dropped('late', record)
    const before = old ?? null
    const from = foreignKeyOf(before, record)
    const to = foreignKeyOf(record.value, record)
    if (before === null && record.value === null) return undefined
    const moves = text(from) !== text(to)
    const steps = options.type === 'left' ? leftSteps(from, to, moves) : innerSteps(from, to, moves)
    if (record.value !== null && to === null && options.type === 'inner') {
      dropped('null key', record)
    }
    const { partition, key } = record
    const subscription = { digest: digest(record.value), partition, key }
    return eachInTurn(steps, ([foreignKey, instruction]) =>
      forward(record.withKey(foreignKey).withValue({ ...subscription, instruction })),
    )
  }
}

type Steps = readonly (readonly [foreignKey: unknown, instruction: Instruction])[]

/**
 * Each value of a left row is answered, whether there is a right row or not: an answer to an earlier one, which says that its result
 * has to go, may come when the row has another value already, and is then passed over.
 */
function innerSteps(from: unknown, to: unknown, moves: boolean): Steps {
  if (to === null && from !== null) return [[from, Instruction.removeAndAnswer]]
  if (from === null || !moves) return [[to, Instruction.answerChange]]
  // Where the new right row is not there, what the old one gave has to go.
  return [
    [from, Instruction.remove],
    [to, Instruction.answerAlways],
  ]
}

function leftSteps(from: unknown, to: unknown, moves: boolean): Steps {
  const left: Steps = from !== null && moves ? [[from, Instruction.remove]] : []
  // A null foreign key subscribes to nothing, and is answered: with null.
  return [...left, [to, Instruction.answerAlways]]
}

/** Behind the subscriptions and the right table: makes records of `Answer`. */
export function answer(
  parents: readonly [subscriptions: Operator, right: Operator],
  view: View,
  options: ForeignKeyOptions,
): Operator {
  const { name, leftKey, rightKey } = options
  return new Operator({
    kind: 'answer',
    name: name && `${name}-subscriptions`,
    parents,
    stores: [
      {
        kind: 'prefixed',
        name: '',
        key: bothKeysSerializer(rightKey, leftKey) as Serializer<unknown>,
        value: subscriptionSerializer(leftKey) as Serializer<unknown>,
        changelog: 'own',
      },
    ],
    create: (scope) => [answerer(scope, view), announcer(scope)],
  })
}

/** Takes subscriptions. */
function answerer(scope: OperatorScope, view: View): Receive {
  const { forward } = scope
  const store = scope.store<PrefixedStore>()
  const get = view(scope)
  return (record) => {
    const one = record.value as Subscription
    const foreignKey = record.key
    const removes =
      one.instruction === Instruction.remove || one.instruction === Instruction.removeAndAnswer
    if (foreignKey !== null) {
      store.put(foreignKey, one.key, removes ? null : one, record.timestampMs)
    }
    if (one.instruction === Instruction.remove) return undefined
    const found = foreignKey === null || removes ? undefined : get(foreignKey)
    const isQuiet = !found && one.instruction === Instruction.answerChange
    const at = Math.max(record.timestampMs, found?.timestampMs ?? 0)
    return forward(answerTo(record, one, found?.value ?? null, at, isQuiet))
  }
}

/** Takes changes of the right table. */
function announcer(scope: OperatorScope): Receive {
  const { forward, dropped } = scope
  const store = scope.store<PrefixedStore>()
  return (record, _old, isLatest) => {
    if (isLatest === false) return dropped('late', record)
    return eachInTurn(store.entriesOf(record.key), ([, { value }]) =>
      forward(answerTo(record, value as Subscription, record.value, record.timestampMs)),
    )
  }
}

function answerTo(
  record: StreamRecord,
  { digest, partition, key }: Subscription,
  value: unknown,
  timestampMs: number,
  isQuiet = false,
): StreamRecord {
  return record.derived(key, { digest, partition, value, isQuiet } satisfies Answer, timestampMs)
}

/** Behind the answers and the left table: the result. */
export function resolve(
  parents: readonly [answers: Operator, left: Operator],
  view: View,
  options: ForeignKeyOptions,
): Operator {
  const { name, type, leftKey, leftValue, rightValue } = options
  return new Operator({
    kind: 'join',
    name,
    parents,
    parameters: { type, by: 'foreignKey' },
    stores: [
      {
        kind: 'key-value',
        name: '',
        key: leftKey,
        value: pairSerializer(leftValue, rightValue) as Serializer<unknown>,
        changelog: 'own',
      },
    ],
    // Changes of the left table come back as answers.
    create: (scope) => [resolver(scope, view, options), () => undefined],
  })
}

function resolver(scope: OperatorScope, view: View, options: ForeignKeyOptions): Receive {
  const { forward } = scope
  const store = scope.store<KeyValueStore>()
  const get = view(scope)
  const digest = scope.guard((value: unknown) => digestOf(options.leftValue, value))
  return (record) => {
    const { digest: asked, value, isQuiet } = record.value as Answer
    const { key, timestampMs } = record
    const left = get(key)?.value ?? null
    if (digest(left) !== asked) return undefined
    const isRow = left !== null && (value !== null || options.type === 'left')
    const row = isRow ? frozen([left, value]) : null
    const old = store.get(key)?.value ?? null
    if (isQuiet && row === null && old === null) return undefined
    store.put(key, row, timestampMs)
    return forward(record.derived(key, row, timestampMs), old, true)
  }
}
