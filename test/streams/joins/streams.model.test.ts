/** Joins of streams beside a model that looks through lists, with failures and restarts in between. */

import fc from 'fast-check'
import { describe, test } from 'vitest'
import type { Pairs } from '../../../src/streams/dsl/pairs.ts'
import type { StreamBuilder } from '../../../src/streams/dsl/stream-builder.ts'
import { amount } from '../../amount.ts'
import { against, records, type Switch } from './against-model.ts'
import { type JoinModelOptions, joinModel } from './join-model.ts'

const runs = { numRuns: amount(15, 300) }
const spans: readonly Pick<JoinModelOptions, 'before' | 'after' | 'grace'>[] = [
  { before: 8, after: 8, grace: 10 },
  { before: 0, after: 12, grace: 0 },
  { before: 5, after: 0, grace: 3 },
  { before: 0, after: 0, grace: 0 },
]

const on = (left: number, right: number) => (left + right) % 2 === 0

function refusing<L, R, K>(pairs: Pairs<L, R, K>, refusal: Switch): void {
  pairs
    .map((left, right) => {
      if (refusal.fails) throw new Error('refused')
      return [left, right]
    })
    .to('out')
}

function two(builder: StreamBuilder) {
  const options = { tombstones: 'deliver' } as const
  return [
    builder.stream<number>('left', options),
    builder.stream<number>('right', options),
  ] as const
}

describe.each(spans)('before $before, after $after, grace $grace', (span) => {
  test.each(['inner', 'left', 'outer'] as const)('%s, by key', async (type) => {
    await fc.assert(
      fc.asyncProperty(records(['left', 'right']), (steps) =>
        against(steps, joinModel({ ...span, type }), (builder, refusal) => {
          const [left, right] = two(builder)
          refusing(left.join(right, { window: span, type }), refusal)
        }),
      ),
      runs,
    )
  })

  test.each(['inner', 'left'] as const)('%s, by a predicate', async (type) => {
    await fc.assert(
      fc.asyncProperty(records(['left', 'right']), (steps) =>
        against(steps, joinModel({ ...span, type, anyKey: true, on }), (builder, refusal) => {
          const [left, right] = two(builder)
          const numbers = left as unknown as typeof right
          refusing(numbers.join(right, { window: span, type, on: on as never }), refusal)
        }),
      ),
      runs,
    )
  })

  test('outer, by a predicate, in a single task', async () => {
    await fc.assert(
      fc.asyncProperty(records(['left', 'right']), (steps) =>
        against(
          steps,
          joinModel({ ...span, type: 'outer', anyKey: true, on }),
          (builder, refusal) => {
            const [left, right] = two(builder)
            const how = {
              window: span,
              type: 'outer',
              on: on as never,
              strategy: 'single',
            } as const
            refusing(left.join(right, how), refusal)
          },
        ),
      ),
      runs,
    )
  })

  test.each(['inner', 'left', 'outer'] as const)('%s, with itself', async (type) => {
    await fc.assert(
      fc.asyncProperty(records(['both']), (steps) =>
        against(steps, joinModel({ ...span, type }), (builder, refusal) => {
          const both = builder.stream<number>('both', { tombstones: 'deliver' })
          refusing(both.join(both, { window: span, type }), refusal)
        }),
      ),
      runs,
    )
  })
})

test('by a key of the values, and a predicate besides', async () => {
  const span = { before: 8, after: 3, grace: 4 }
  const value = fc.record({
    id: fc.constantFrom('x', 'y', null),
    n: fc.integer({ min: 0, max: 3 }),
  })
  type Value = { readonly id: string | null; readonly n: number }
  const takes = (left: Value, right: Value) => left.n <= right.n
  // The model knows records by key: there, the key is the value's.
  const model = joinModel({ ...span, type: 'left', on: takes as never })
  await fc.assert(
    fc.asyncProperty(records(['left', 'right'], { values: value }), (steps) =>
      against(
        steps,
        {
          initial: model.initial,
          // Tombstones do not get as far as the join.
          apply: (state, record) =>
            record.value === null
              ? []
              : model.apply(state, { ...record, key: (record.value as Value).id }),
        },
        (builder, refusal) => {
          const left = builder.stream<Value>('left')
          const right = builder.stream<Value>('right')
          const pairs = left.join(right, {
            key: [(one) => one.id, (one) => one.id],
            on: takes,
            window: span,
            type: 'left',
          })
          refusing(pairs, refusal)
        },
      ),
    ),
    runs,
  )
})
