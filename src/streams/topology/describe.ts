/**
 * What a topology looks like, as JSON can say it: names, kinds and parameters. Nothing of callbacks, and nothing that differs from
 * one process to another, because the fingerprint is made of it.
 */
import {
  type Operator,
  type Parameters,
  RepartitionOperator,
  SinkOperator,
  SourceOperator,
} from '../operator.ts'
import type { StoreKind } from '../stores/store-spec.ts'
import type { SubTopology, Topology } from './topology.ts'

/** Result of `describe('json')`. */
export interface TopologyDescription {
  readonly application: string
  readonly subTopologies: readonly SubTopologyDescription[]
  /** Topics that every process reads in full. */
  readonly globals: readonly OperatorDescription[]
}

/** A part of a topology that runs in one task for each partition. */
export interface SubTopologyDescription {
  readonly index: number
  /** Those that read a topic first, those that write one last. */
  readonly operators: readonly OperatorDescription[]
}

/** An operator of a topology as `describe` gives it. */
export interface OperatorDescription {
  readonly type: 'source' | 'processor' | 'sink'
  /** Unique in the topology. Of operators with state it stays when others are put in between. */
  readonly name: string
  /** 'filter', 'count', 'join' … */
  readonly kind: string
  /** Of a source and a sink; null: chosen for each record. */
  readonly topic?: string | null
  /** The topic is made and deleted with the application. */
  readonly isInternal?: boolean
  readonly parameters: Parameters
  readonly stores: readonly StoreDescription[]
  /** Names of the operators it is fed by, and of those that it feeds, of the same sub-topology. */
  readonly from: readonly string[]
  readonly to: readonly string[]
}

/** A store of a topology as `describe` gives it. */
export interface StoreDescription {
  readonly name: string
  readonly kind: StoreKind
  /** Names of the serialisers. */
  readonly key: string
  readonly value: string
  /** Null: it has none. */
  readonly changelog: string | null
  /** Milliseconds; null: until it is deleted. */
  readonly retentionMs: number | null
}

export function describeTopology(topology: Topology): TopologyDescription {
  const names = new Names(topology)
  return {
    application: topology.application,
    subTopologies: topology.subTopologies.map((one) => describeSub(topology, one, names)),
    globals: topology.globals.map((one) => describeSource(topology, one, names, [])),
  }
}

function describeSub(
  topology: Topology,
  { index, operators, repartitions }: SubTopology,
  names: Names,
): SubTopologyDescription {
  const children = (parent: Operator) => [
    ...operators
      .filter((one) => !(one instanceof RepartitionOperator) && one.parents.includes(parent))
      .map((one) => names.of(one)),
    ...repartitions.filter((one) => one.parents.includes(parent)).map((one) => names.written(one)),
  ]
  const describe = (operator: Operator): OperatorDescription => {
    if (operator instanceof SourceOperator || operator instanceof RepartitionOperator) {
      return describeSource(topology, operator, names, children(operator))
    }
    const isSink = operator instanceof SinkOperator
    return {
      type: isSink ? 'sink' : 'processor',
      name: names.of(operator),
      kind: operator.kind,
      ...(isSink && { topic: operator.topic ?? null }),
      parameters: operator.parameters,
      stores: storesOf(topology, operator),
      from: operator.parents.map((one) => names.of(one)),
      to: children(operator),
    }
  }
  const order = { source: 0, processor: 1, sink: 2 }
  const described = [
    ...operators.map(describe),
    ...repartitions.map((one) => describeWritten(topology, one, names)),
  ]
  described.sort((a, b) => order[a.type] - order[b.type])
  return { index, operators: described }
}

function describeSource(
  topology: Topology,
  operator: SourceOperator | RepartitionOperator,
  names: Names,
  to: readonly string[],
): OperatorDescription {
  const isRepartition = operator instanceof RepartitionOperator
  return {
    type: 'source',
    name: names.of(operator),
    kind: operator.kind,
    topic: isRepartition ? topology.topicOf(operator) : operator.topic,
    isInternal: isRepartition && operator.topic === undefined,
    parameters: {
      ...operator.parameters,
      key: operator.key.name,
      value: operator.value.name,
      ...(isRepartition
        ? { partitions: operator.partitions ?? null }
        : { tombstones: operator.keepsTombstones }),
    },
    stores: storesOf(topology, operator),
    from: [],
    to,
  }
}

/** The half of a repartition that writes. */
function describeWritten(
  topology: Topology,
  repartition: RepartitionOperator,
  names: Names,
): OperatorDescription {
  return {
    type: 'sink',
    name: names.written(repartition),
    kind: repartition.kind,
    topic: topology.topicOf(repartition),
    isInternal: repartition.topic === undefined,
    parameters: {},
    stores: [],
    from: repartition.parents.map((one) => names.of(one)),
    to: [],
  }
}

function storesOf(topology: Topology, operator: Operator): StoreDescription[] {
  return operator.stores.map(({ name }) => {
    const spec = topology.storeOf(operator, name)
    const { kind, key, value, retentionMs, changelog, source } = spec
    const changelogs = { own: topology.changelogOf(spec), source: source ?? null, none: null }
    return {
      ...{ name: spec.name, kind, key: key.name, value: value.name },
      changelog: changelogs[changelog],
      retentionMs: retentionMs ?? null,
    }
  })
}

/** Operators without state are called by what they are, and numbered where that is not enough. */
class Names {
  readonly #names = new Map<Operator, string>()
  readonly #taken = new Set<string>()
  readonly #written = new Map<Operator, string>()

  constructor(topology: Topology) {
    const { operators } = topology
    const named = operators.filter(({ hasState }) => hasState)
    for (const operator of named) this.#names.set(operator, this.#take(topology.nameOf(operator)))
    for (const operator of operators) {
      if (this.#names.has(operator)) continue
      this.#names.set(operator, this.#take(plainName(topology, operator)))
      if (operator instanceof RepartitionOperator) {
        this.#written.set(operator, this.#take(`${topology.nameOf(operator)}-written`))
      }
    }
  }

  of(operator: Operator): string {
    return this.#names.get(operator)!
  }

  written(repartition: RepartitionOperator): string {
    return this.#written.get(repartition)!
  }

  #take(wanted: string): string {
    let name = wanted
    for (let i = 2; this.#taken.has(name); i++) name = `${wanted}-${i}`
    this.#taken.add(name)
    return name
  }
}

function plainName(topology: Topology, operator: Operator): string {
  if (operator instanceof RepartitionOperator) return `${topology.nameOf(operator)}-read`
  const { branch } = operator.parameters
  return typeof branch === 'string' ? `${operator.kind}-${branch}` : operator.kind
}
