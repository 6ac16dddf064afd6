import { expect, test } from 'vitest'
import { Draft } from '../dsl/draft.ts'
import { StreamBuilder } from '../dsl/stream-builder.ts'
import { stateShapes } from '../topology/state-shape.ts'
import { Topology } from '../topology/topology.ts'
import { checkLength, keptShapes } from './committed-times.ts'

function topologyOf(count: number): Topology {
  const draft = new Draft({ config: undefined, ended: () => undefined })
  const records = new StreamBuilder(draft).stream('in').groupByKey()
  for (let i = 0; i < count; i++) records.count({ store: `a-store-with-a-name-${i}` }).to('out')
  return new Topology('app', draft.operators)
}

test('more operators than a broker keeps times of are refused', () => {
  const fits = topologyOf(40)
  expect(() => checkLength(fits, stateShapes(fits))).not.toThrow()
  const tooMany = topologyOf(60)
  expect(() => checkLength(tooMany, stateShapes(tooMany))).toThrow(
    /60 operators with state.*brokers keep 4096/,
  )
})

test.each(['', 'text of others', '{', '{"v":99,"shapes":{"a":"b"}}', '{"v":1}'])(
  'what others have put beside the offsets says nothing: %s',
  (metadata) => {
    expect(keptShapes(metadata)).toEqual({})
  },
)
