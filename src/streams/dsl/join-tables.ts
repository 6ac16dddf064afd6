/** Puts joins of two tables together. */
import type { Serializer } from '../../client/serializer.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { RepartitionOperator } from '../operator.ts'
import * as foreign from '../operators/foreign-key-join.ts'
import {
  type Answer,
  answerSerializer,
  subscriptionSerializer,
} from '../operators/foreign-key-messages.ts'
import { joinTables } from '../operators/join-tables.ts'
import { storeView } from '../operators/table.ts'
import type { StreamRecord } from '../stream-record.ts'
import { BaseTable, type Rows } from './base-table.ts'
import { checkKeysAlike } from './join.ts'
import { type JoinType, readName, readType } from './join-options.ts'
import { OldValuesOfSource, sentAlways } from './old-values.ts'
import { keySerializer, valueSerializer } from './place.ts'
import { checkCallback, checkOptions } from './state-options.ts'

/** Options of a join of two tables by a key that the left one's values have. */
export interface ForeignKeyJoinOptions<V, K, K2, T extends 'inner' | 'left'> {
  /** The key of the other table's row that a row belongs to. Null: none. */
  foreignKey: (value: V, key: K) => K2 | null
  /** `inner` (default): rows whose other row is there. `left`: all, with null where it is not. */
  type?: T
  /** Name of the result's store. Default: from the operator and its position. */
  store?: string
}

/** @internal Throws `ConfigError`. */
export function joinedTables(left: Rows, other: unknown, options: unknown): Rows {
  if (!(other instanceof BaseTable)) {
    throw invalid(
      `join: a table is joined with a table; got ${inspectBriefly(other)}. To join a stream with a table, start from the stream`,
    )
  }
  const given = checkOptions('join of two tables', options, ['type', 'foreignKey', 'store'])
  const name = readName('join', given.store)
  if (given.foreignKey === undefined) {
    if (name !== undefined) {
      throw invalid('join: a join of tables by key has no store to name')
    }
    const type = readType('join of tables', given.type, ['inner', 'left', 'outer'])
    return byKey(left, other, type)
  }
  checkCallback('join: foreignKey', given.foreignKey)
  const type = readType('join by foreign key', given.type, ['inner', 'left'])
  return byForeignKey(left, other, {
    name,
    type,
    foreignKey: given.foreignKey as never,
  })
}

function byKey(left: Rows, right: Rows, type: JoinType): Rows {
  checkKeysAlike(left.at, right.at)
  needOldValues(left, right)
  const draft = left.at.draft.meet(right.at.draft)
  const { operator, view } = joinTables([left.at.operator, right.at.operator], {
    type,
    left: left.view,
    right: right.view,
  })
  const at = { ...left.at, draft, operator, value: undefined }
  return { at, view, old: sentAlways }
}

function byForeignKey(
  left: Rows,
  right: Rows,
  options: Pick<foreign.ForeignKeyOptions, 'name' | 'type' | 'foreignKey'>,
): Rows {
  needOldValues(left, right)
  const draft = left.at.draft.meet(right.at.draft)
  const all: foreign.ForeignKeyOptions = {
    ...options,
    leftKey: keySerializer(left.at),
    leftValue: valueSerializer(left.at),
    rightKey: keySerializer(right.at),
    rightValue: valueSerializer(right.at),
  }
  const subscriptions = new RepartitionOperator({
    name: options.name && `${options.name}-subscriptions`,
    parents: [foreign.subscribe(left.at.operator, all)],
    key: all.rightKey,
    value: subscriptionSerializer(all.leftKey) as Serializer<unknown>,
    parameters: { key: all.rightKey.name },
  })
  const answer = foreign.answer([subscriptions, right.at.operator], right.view, all)
  const answers = new RepartitionOperator({
    name: options.name && `${options.name}-answers`,
    parents: [answer],
    key: all.leftKey,
    value: answerSerializer(all.rightValue) as Serializer<unknown>,
    parameters: { key: all.leftKey.name },
    // Back to the task that asked, however the left topic is partitioned.
    partitionOf: ({ value }: StreamRecord) => (value as Answer).partition,
  })
  const operator = foreign.resolve([answers, left.at.operator], left.view, all)
  draft.note(answer)
  draft.note(operator)
  const at = { ...left.at, draft, operator, value: undefined }
  const old = new OldValuesOfSource(options.name !== undefined)
  return { at, view: storeView(operator, false), old }
}

function needOldValues(...tables: readonly Rows[]): void {
  for (const { old } of tables) old.areSent(true)
}
