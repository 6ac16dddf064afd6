/**
 * Operators as an application runs them: cut at repartitions into sub-topologies, each with the topics that it reads and the
 * stores that it keeps, and every operator with state with a name of its own. Knows nothing of partitions.
 */
import { invalid } from '../../core/options.ts'
import {
  isBroadcast,
  type Operator,
  RepartitionOperator,
  SinkOperator,
  SourceOperator,
} from '../operator.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import { copartitionedSources } from './copartitioning.ts'
import type { SubTopology, TopologySource } from './sub-topology.ts'

export type { SubTopology, TopologySource } from './sub-topology.ts'

/** Kafka's rule for names of topics, characters. */
const topicNameMax = 249

export class Topology {
  /** Consumer group, and prefix of its own topics. */
  readonly application: string
  readonly subTopologies: readonly SubTopology[]
  /** Topics that every process reads whole, each into a store of its own. */
  readonly globals: readonly SourceOperator[]
  readonly operators: readonly Operator[]
  readonly #names: ReadonlyMap<Operator, string>

  /** `ends` lead to everything else. Throws `ConfigError` when names clash, or cannot be those of topics. */
  constructor(application: string, ends: Iterable<Operator>) {
    this.application = application
    this.operators = allOf(ends)
    this.#names = namesOf(this.operators)
    this.globals = this.operators.filter(isGlobal)
    this.subTopologies = this.#cut()
    this.#checkOwnTopics()
  }

  /** Of an operator with state, or of a repartition; else what it is. */
  nameOf(operator: Operator): string {
    return this.#names.get(operator) ?? operator.kind
  }

  /** A store's spec under the name that it has in this application. */
  storeOf(operator: Operator, role = ''): StoreSpec {
    const spec = operator.stores.find((one) => one.name === role)
    if (!spec) throw new TypeError(`${operator.kind} has no store '${role}'`)
    const name = this.nameOf(operator)
    return { ...spec, name: role === '' ? name : `${name}-${role}` }
  }

  topicOf(repartition: RepartitionOperator): string {
    return repartition.topic ?? `${this.application}-${this.nameOf(repartition)}-repartition`
  }

  changelogOf(store: StoreSpec): string {
    return `${this.application}-${store.name}-changelog`
  }

  /** Sources that must have equally many partitions, where there are several. */
  get copartitioned(): readonly (readonly TopologySource[])[] {
    return this.subTopologies.flatMap(copartitionedSources).filter((sources) => sources.length > 1)
  }

  /** Every store of every sub-topology. */
  get stores(): readonly StoreSpec[] {
    return this.subTopologies.flatMap(({ stores }) => stores)
  }

  /** A stateless application may be called as it likes: its name is a group's only. */
  #checkOwnTopics(): void {
    const { application } = this
    const repartitions = this.operators.filter(
      (one): one is RepartitionOperator =>
        one instanceof RepartitionOperator && one.topic === undefined,
    )
    const changelogs = this.stores.filter(({ changelog }) => changelog === 'own')
    const topics = [
      ...repartitions.map((one) => this.topicOf(one)),
      ...changelogs.map((store) => this.changelogOf(store)),
    ]
    if (topics.length > 0 && !/^[a-zA-Z0-9._-]*$/.test(application)) {
      throw invalid(
        `app '${application}' cannot name the application's own topics (${topics[0]}): use letters, digits, '.', '_' and '-'`,
      )
    }
    const longest = topics.reduce((a, b) => (b.length > a.length ? b : a), '')
    if (longest.length > topicNameMax) {
      throw invalid(
        `The application's topic '${longest}' has a name of ${longest.length} characters, and ${topicNameMax} are allowed: shorten app or the operator's name`,
      )
    }
  }

  #cut(): SubTopology[] {
    const groups = new Groups()
    const readerOf = new Map<string, Operator>()
    for (const operator of this.operators) {
      if (isGlobal(operator)) continue
      groups.add(operator)
      if (!(operator instanceof RepartitionOperator)) {
        for (const parent of operator.parents) {
          if (!isGlobal(parent)) groups.join(operator, parent)
        }
      }
      const topic = this.#topicRead(operator)
      if (topic === undefined || isBroadcast(operator)) continue
      // Two that read one topic read it together: the group has one place in it.
      const other = readerOf.get(topic)
      if (other) groups.join(operator, other)
      else readerOf.set(topic, operator)
    }
    return groups.all().map((operators, index) => this.#subTopology(index, operators))
  }

  #subTopology(index: number, operators: readonly Operator[]): SubTopology {
    const members = new Set(operators)
    const readers = new Map<string, (SourceOperator | RepartitionOperator)[]>()
    for (const operator of operators) {
      if (!(operator instanceof SourceOperator || operator instanceof RepartitionOperator)) continue
      const topic = this.#topicRead(operator)!
      const others = readers.get(topic) ?? []
      if (others[0] && isBroadcast(others[0]) !== isBroadcast(operator)) throw readTwice(topic)
      readers.set(topic, [...others, operator])
    }
    return {
      index,
      operators,
      sources: [...readers].map(([topic, ofTopic]) => ({
        topic,
        operators: ofTopic,
        isInternal: ofTopic.some(
          (one) => one instanceof RepartitionOperator && one.topic === undefined,
        ),
        isBroadcast: ofTopic.some(isBroadcast),
      })),
      repartitions: this.operators.filter(
        (one): one is RepartitionOperator =>
          one instanceof RepartitionOperator && one.parents.some((parent) => members.has(parent)),
      ),
      sinks: operators.filter((one) => one instanceof SinkOperator),
      stores: operators.flatMap((operator) =>
        operator.stores.map(({ name }) => this.storeOf(operator, name)),
      ),
    }
  }

  #topicRead(operator: Operator): string | undefined {
    if (operator instanceof SourceOperator) return operator.topic
    return operator instanceof RepartitionOperator ? this.topicOf(operator) : undefined
  }
}

function readTwice(topic: string): Error {
  return invalid(
    `The topic '${topic}' would be read by partition and as a whole in one task: send the right side of the join by predicate through an internal topic with repartition()`,
  )
}

function isGlobal(operator: Operator): operator is SourceOperator {
  return operator instanceof SourceOperator && operator.isGlobal
}

/** These and all before them, in the order in which they were made. */
function allOf(ends: Iterable<Operator>): Operator[] {
  const found = new Set<Operator>()
  const open = [...ends]
  for (let operator = open.pop(); operator; operator = open.pop()) {
    if (found.has(operator)) continue
    found.add(operator)
    open.push(...operator.parents)
  }
  return [...found].sort((a, b) => a.order - b.order)
}

/**
 * Automatic names count operators with state only, so that a filter that is put in between moves none of them. A repartition
 * is called after the operator that reads it.
 */
function namesOf(operators: readonly Operator[]): Map<Operator, string> {
  const names = new Map<Operator, string>()
  const stateful = operators.filter(({ hasState }) => hasState)
  stateful.forEach((operator, index) => {
    names.set(operator, operator.name ?? `${operator.kind}-${index + 1}`)
  })
  checkNames('operators', stateful, names)
  const repartitions = operators.filter((one) => one instanceof RepartitionOperator)
  repartitions.forEach((repartition, index) => {
    const reader = stateful.find(({ parents }) => parents.includes(repartition))
    const side = reader?.parents.indexOf(repartition) === 0 ? 'left' : 'right'
    const derived =
      reader && (reader.parents.length > 1 ? `${names.get(reader)}-${side}` : names.get(reader))
    names.set(repartition, repartition.name ?? derived ?? `repartition-${index + 1}`)
  })
  checkNames('repartitions', repartitions, names)
  return names
}

function checkNames(
  what: string,
  operators: readonly Operator[],
  names: ReadonlyMap<Operator, string>,
): void {
  const taken = new Map<string, Operator>()
  for (const operator of operators) {
    const name = names.get(operator)!
    const other = taken.get(name)
    if (other) {
      throw invalid(
        `Two ${what} are called '${name}' (${other.kind} and ${operator.kind}): give each a name of its own, or their topics would be the same`,
      )
    }
    if (!/^[a-zA-Z0-9._-]{1,200}$/.test(name)) {
      throw invalid(
        `'${name.slice(0, 210)}' cannot name an operator: topics are named after it, so use 1 to 200 letters, digits, '.', '_' and '-'`,
      )
    }
    taken.set(name, operator)
  }
}

/** Which operators run together. */
class Groups {
  readonly #parents = new Map<Operator, Operator>()

  add(operator: Operator): void {
    this.#parents.set(operator, operator)
  }

  join(a: Operator, b: Operator): void {
    const [first, second] = [this.#root(a), this.#root(b)].sort((x, y) => x.order - y.order)
    this.#parents.set(second!, first!)
  }

  all(): Operator[][] {
    const groups = new Map<Operator, Operator[]>()
    for (const operator of this.#parents.keys()) {
      const root = this.#root(operator)
      groups.set(root, [...(groups.get(root) ?? []), operator])
    }
    return [...groups.values()]
  }

  #root(operator: Operator): Operator {
    let root = operator
    while (this.#parents.get(root)! !== root) root = this.#parents.get(root)!
    return root
  }
}
