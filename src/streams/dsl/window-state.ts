/** What all aggregates of windows have in common. */
import { type Topic, toTopic } from '../../client/topic.ts'
import { invalid } from '../../core/options.ts'
import type { Operator } from '../operator.ts'
import type { Aggregation } from '../operators/aggregate.ts'
import type { LateTopic } from '../operators/late.ts'
import type { WindowStateOptions } from '../operators/window-operator.ts'
import { windowedView } from '../operators/windowed-view.ts'
import { windowedKeyOf } from '../windowed-key.ts'
import type { SessionWindow, TimeWindow } from '../windows.ts'
import type { Rows } from './base-table.ts'
import { sentAlways } from './old-values.ts'
import { keySerializer, type Place, totalSerializer, valueSerializer } from './place.ts'
import { checkCallback, readStoreOptions } from './state-options.ts'
import { WindowedTable } from './windowed-table.ts'

export type Add = (total: never, value: never, key: never) => unknown

/** A table of what `operator` makes, once it is known whether it is to tell of every update. */
export function windowedTableOf<T, K>(
  places: readonly Place[],
  window: TimeWindow | SessionWindow,
  aggregation: Aggregation,
  options: object | undefined,
  others: readonly string[],
  operator: (parents: readonly Operator[], state: WindowStateOptions) => Operator,
): WindowedTable<T, K, never> {
  const { kind } = aggregation
  const { name, value, retentionMs } = readStoreOptions(kind, options, ['late', ...others])
  const late = readLate((options as { late?: unknown } | undefined)?.late, places)
  const draft = places.map((place) => place.draft).reduce((a, b) => a.meet(b))
  const key = keySerializer(places[0]!)
  const valueOfTotal = value ?? totalSerializer(aggregation, places[0]!)
  const make = (emit: 'update' | 'close'): Rows => {
    const made = operator(
      places.map((place) => place.operator),
      { name, key, value: valueOfTotal, retentionMs, emit, late },
    )
    const at: Place = {
      draft,
      operator: made,
      key: windowedKeyOf(key, window),
      value: valueOfTotal,
      isKeyChanged: false,
    }
    return { at, view: windowedView(made, window), old: sentAlways }
  }
  const table = new WindowedTable<T, K, never>(make, { emit: 'update', window, key })
  draft.note(() => table.operators)
  return table
}

/** Of a cogroup; its streams have said how they are added. */
export function cogroupAggregation(adds: readonly Add[], options: object): Aggregation {
  const { initial } = (options ?? {}) as { initial?: unknown }
  checkCallback('cogroup: initial', initial)
  return { kind: 'cogroup', initial: initial as () => unknown, add: adds }
}

/** Throws `ConfigError` where several streams make one total. */
export function checkIsSingle(kind: string, adds: readonly Add[] | undefined): void {
  if (adds === undefined) return
  throw invalid(
    `${kind} is of one stream; a cogroup has its own ways to add: use aggregate({ initial })`,
  )
}

function readLate(topic: unknown, places: readonly Place[]): LateTopic[] | undefined {
  if (topic === undefined) return undefined
  const { name, key, value } = lateTopic(topic)
  return places.map((place) =>
    typeof topic === 'string'
      ? { topic: name, key: keySerializer(place), value: valueSerializer(place) }
      : { topic: name, key, value },
  )
}

function lateTopic(topic: unknown): Topic<unknown, unknown> {
  try {
    return toTopic(topic as string) as Topic<unknown, unknown>
  } catch (error) {
    throw invalid(`late: ${error instanceof Error ? error.message : String(error)}`)
  }
}
