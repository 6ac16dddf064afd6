/**
 * What kind of state an operator keeps, in a few letters: two that differ cannot go on from each other's. Window sizes, serialisers
 * and kinds count, callbacks cannot.
 */
import type { Operator } from '../operator.ts'
import { hashText } from './hash.ts'
import type { Topology } from './topology.ts'

/** By operator with state. */
export function stateShapes(topology: Topology): Map<string, string> {
  const stateful = topology.operators.filter(({ stores }) => stores.length > 0)
  return new Map(stateful.map((operator) => [topology.nameOf(operator), shapeOf(operator)]))
}

function shapeOf({ kind, parameters, stores }: Operator): string {
  const kept = stores.map((store) => [store.kind, store.name, store.key.name, store.value.name])
  // What comes out when does not change what is kept.
  const { emit: _, ...shaping } = parameters
  return hashText(JSON.stringify([kind, shaping, kept])).slice(0, 4)
}
