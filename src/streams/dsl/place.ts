/** Where a chain stands: the operator that it has come to, and how its keys and values are written. */
import { json, type Serializer, string } from '../../client/serializer.ts'
import { type Operator, RepartitionOperator } from '../operator.ts'
import type { Aggregation } from '../operators/aggregate.ts'
import type { Draft } from './draft.ts'

export interface Place {
  readonly draft: Draft
  readonly operator: Operator
  /** Undefined where a callback has made something new: the default, then. */
  readonly key: Serializer<unknown> | undefined
  readonly value: Serializer<unknown> | undefined
  /** The key is not the one that the records were read with, so records of one key may be in several tasks. */
  readonly isKeyChanged: boolean
}

export function keySerializer({ key }: Place): Serializer<unknown> {
  return key ?? (string as Serializer<unknown>)
}

export function valueSerializer({ value }: Place): Serializer<unknown> {
  return value ?? json()
}

export interface RepartitionOptions {
  readonly name?: string | undefined
  readonly partitions?: number | undefined
  readonly topic?: string | undefined
  /** Records without a key are passed over. */
  readonly needsKey?: boolean
}

/** Behind a repartition: all records of a key in one task. */
export function repartitioned(place: Place, options: RepartitionOptions = {}): Place {
  const key = keySerializer(place)
  const value = valueSerializer(place)
  const operator = new RepartitionOperator({
    parents: [place.operator],
    key,
    value,
    parameters: { key: key.name, value: value.name },
    ...options,
  })
  return { ...place, operator, key, value, isKeyChanged: false }
}

/** As it is when the key is as it was read; else behind a repartition. */
export function keyedTogether(place: Place, options?: RepartitionOptions): Place {
  return place.isKeyChanged ? repartitioned(place, options) : place
}

/** Of a total that is one of the values: as they are written. Undefined: of any other. */
export function totalSerializer(
  aggregation: Aggregation,
  place: Place,
): Serializer<unknown> | undefined {
  return aggregation.kind === 'reduce' && aggregation.initial === undefined
    ? valueSerializer(place)
    : undefined
}
