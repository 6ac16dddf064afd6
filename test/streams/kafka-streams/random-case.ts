/**
 * Random topologies of the oracle's little language, with random records. The same seed gives the same case.
 *
 * What is left out is what is not to be like Kafka's: null values that are counted in windows; aggregates that are grouped again,
 * of which Kafka subtracts an initial value that was never there, and what is made of held back changes, for the same reason;
 * tables that meet themselves by a foreign key, where what is asked meanwhile depends on how fast the answers are, and streams that
 * meet what was made of them, where it depends on which of Kafka's nodes has its turn first; results of sessions on their close,
 * which Kafka loses when time jumps; records that are late for one of two streams that are added to one window. Versioned tables only if asked for: Kafka keeps them in RocksDB.
 */
import { SeededRandom } from '../../simulation/random.ts'
import type { OracleCase, OracleInput, OracleNode, OracleWindow } from '../oracle-case.ts'
import type { Expression } from '../oracle-expressions.ts'

/** What is known of the values: records' own, numbers, or neither. */
type Shape = 'row' | 'number' | 'any'

interface Flow {
  readonly id: string
  readonly kind: 'stream' | 'table' | 'globalTable'
  readonly shape: Shape
  /** What kind of window its keys have. */
  readonly window?: string
  /** It has not been said that nulls are left out. */
  readonly hasNulls: boolean
  readonly isVersioned?: boolean
  /** Suppress until close knows when. */
  readonly canClose?: boolean
  /** Topics of the application's that it comes from. */
  readonly reads: readonly string[]
  /** Of a table: it has the rows of this topic, and the changes that come are from one row that was there to the next. */
  readonly rowsOf?: string | undefined
  /** Changes were held back. */
  readonly isHeldBack?: boolean
}

export interface CaseOptions {
  readonly hasVersionedTables: boolean
}

const nothing: Expression = { const: null }
const topics = { stream: ['s1', 's2'], table: ['t1', 't2'], globalTable: ['g'] } as const

export function randomCase(seed: number, options: CaseOptions): OracleCase {
  const maker = new CaseMaker(new SeededRandom(seed), options)
  return maker.make(`seed ${seed}`)
}

class CaseMaker {
  readonly #random: SeededRandom
  readonly #hasVersionedTables: boolean
  readonly #nodes: OracleNode[] = []
  readonly #flows: Flow[] = []
  readonly #used = new Set<string>()
  #ids = 0

  constructor(random: SeededRandom, { hasVersionedTables }: CaseOptions) {
    this.#random = random
    this.#hasVersionedTables = hasVersionedTables
  }

  make(name: string): OracleCase {
    this.#source('stream')
    const others = this.#int(1, 3)
    for (let i = 0; i < others; i++) {
      this.#source(this.#pick(['stream', 'table', 'table', 'globalTable']))
    }
    const steps = this.#int(2, 6)
    for (let i = 0; i < steps; i++) this.#step()
    const ends = this.#flows.filter(({ id, kind }) => kind !== 'globalTable' && !this.#used.has(id))
    for (const [i, { id }] of ends.entries()) {
      this.#nodes.push({ op: 'to', from: id, topic: `out${i}` })
    }
    return { name, topology: this.#nodes, input: this.#input(), output: [] }
  }

  #source(op: 'stream' | 'table' | 'globalTable'): void {
    const taken = this.#nodes.map(({ topic }) => topic)
    const topic = topics[op].find((one) => !taken.includes(one))
    if (!topic) return
    const isVersioned = op === 'table' && this.#hasVersionedTables && this.#chance(0.3)
    const id = this.#add({ op, topic, ...(isVersioned && { history: 1000 }) })
    this.#flow({
      id,
      kind: op,
      shape: 'row',
      hasNulls: true,
      isVersioned,
      rowsOf: topic,
      reads: [topic],
    })
  }

  #step(): void {
    const flow = this.#pick(this.#flows.filter(({ kind }) => kind !== 'globalTable'))
    const steps = flow.kind === 'stream' ? streamSteps : tableSteps
    this[this.#pick(steps)](flow)
  }

  // Streams and tables

  filter(flow: Flow): void {
    const fn = this.#pick<Expression>([
      { gt: [this.#number(flow), { const: this.#int(0, 6) }] },
      { not: { eq: [this.#key(flow), { const: this.#pick(['a', 'x']) }] } },
      { not: { eq: ['value', nothing] } },
    ])
    this.#derive(flow, { op: 'filter', fn })
  }

  mapValues(flow: Flow): void {
    if (this.#chance(0.5)) {
      const fn = { add: [this.#number(flow), { const: 1 }] }
      this.#derive(flow, { op: 'mapValues', fn }, { shape: 'number' })
      return
    }
    const fn = {
      if: [
        { gt: [this.#number(flow), { const: 7 }] },
        nothing,
        { obj: { n: this.#number(flow), r: this.#text(flow), c: { const: 'c1' } } },
      ],
    }
    this.#derive(flow, { op: 'mapValues', fn }, { shape: 'row', hasNulls: true })
  }

  toStream(flow: Flow): void {
    const stream = {
      kind: 'stream',
      isVersioned: false,
      canClose: false,
      isHeldBack: false,
    } as const
    this.#derive(flow, { op: 'toStream' }, { ...stream, rowsOf: undefined })
  }

  // Streams

  flatMapValues(flow: Flow): void {
    const fn = {
      if: [
        { gt: [this.#number(flow), { const: this.#int(2, 8) }] },
        { list: [] },
        { list: ['value', 'value'] },
      ],
    }
    this.#derive(flow, { op: 'flatMapValues', fn })
  }

  selectKey(flow: Flow): void {
    const { window: _, ...plain } = flow
    this.#derive(plain, { op: 'selectKey', fn: this.#text(flow) })
  }

  map(flow: Flow): void {
    const { window: _, ...plain } = flow
    this.#derive(plain, { op: 'map', key: this.#text(flow), value: 'value' })
  }

  branch(flow: Flow): void {
    const [one, two, rest] = [this.#id(), this.#id(), this.#id()]
    const hasRest = this.#chance(0.5)
    this.#nodes.push({
      ...{ op: 'branch', from: flow.id },
      branches: [
        { id: one, when: { gt: [this.#number(flow), { const: 4 }] } },
        { id: two, when: { eq: [this.#key(flow), { const: 'a' }] } },
      ],
      ...(hasRest && { otherwise: rest }),
    })
    this.#used.add(flow.id)
    for (const id of hasRest ? [one, two, rest] : [one, two]) this.#flow({ ...flow, id })
  }

  merge(flow: Flow): void {
    const other = this.#another(flow, ({ kind, window }) => {
      return kind === 'stream' && window === flow.window
    })
    if (!other) return
    this.#used.add(other.id)
    const shape = other.shape === flow.shape ? flow.shape : 'any'
    const hasNulls = flow.hasNulls || other.hasNulls
    const reads = [...flow.reads, ...other.reads]
    this.#derive(flow, { op: 'merge', with: other.id }, { shape, hasNulls, reads })
  }

  repartition(flow: Flow): void {
    this.#derive(flow, { op: 'repartition' })
  }

  toTable(flow: Flow): void {
    const isVersioned = !flow.window && this.#hasVersionedTables && this.#chance(0.2)
    const node = { op: 'toTable', ...(isVersioned && { history: 1000 }) }
    const id = this.#nodes.length
    this.#derive(flow, node, { kind: 'table', isVersioned, rowsOf: `toTable ${id}` })
  }

  aggregate(flow: Flow): void {
    const group = this.#group(flow)
    this.#aggregated(group, flow, {})
  }

  windowed(flow: Flow): void {
    // Windows of windows have keys that the language has no names for.
    const source = flow.hasNulls ? this.#withoutNulls(flow) : flow
    const group = this.#group(source, source.window !== undefined)
    const window = this.#window()
    const isFinal = window.type !== 'session' && this.#chance(0.3)
    const node = { op: 'window', from: group, window, ...(isFinal && { emit: 'close' as const }) }
    const id = this.#add(node)
    const table = this.#aggregated(id, source, { window: window.type!, canClose: !isFinal })
    if (!isFinal && this.#chance(0.3)) this.suppress(table)
  }

  cogroup(flow: Flow): void {
    const other = this.#another(flow, ({ kind }) => kind === 'stream')
    if (!other || other === flow) return
    const isWindowed = this.#chance(0.6)
    const sources = [flow, other].map((one) =>
      isWindowed && one.hasNulls ? this.#withoutNulls(one) : one,
    )
    this.#used.add(sources[1]!.id)
    const groups = sources.map((one) => ({
      from: this.#group(one, one.window !== undefined),
      fn: { append: ['aggregate', this.#number(one)] },
    }))
    const merge = { joinLists: ['left', 'right'] }
    const id = this.#add({ op: 'cogroup', groups, initial: [], merge })
    const reads = [...flow.reads, ...other.reads]
    const flowOf = { kind: 'table', shape: 'any', hasNulls: true, reads } as const
    if (!isWindowed) return this.#flow({ id, ...flowOf })
    const window = { ...this.#window(), grace: 10_000 }
    const from = this.#add({ op: 'window', from: id, window })
    const table = this.#add({ op: 'aggregate', from, initial: [], merge })
    this.#flow({ id: table, ...flowOf, window: window.type!, canClose: true })
  }

  joinStream(flow: Flow): void {
    const other = this.#another(flow, ({ kind, window }) => {
      return kind === 'stream' && window === flow.window
    })
    if (!other || (other !== flow && other.reads.some((topic) => flow.reads.includes(topic))))
      return
    const window: OracleWindow = this.#chance(0.5)
      ? { within: this.#int(1, 12), grace: this.#pick([0, 5, 20]) }
      : { before: this.#int(0, 8), after: this.#int(1, 8), grace: this.#pick([0, 5, 20]) }
    const kind = this.#pick(['inner', 'left', 'outer'] as const)
    this.#used.add(other.id)
    this.#derive(
      flow,
      { op: 'join', with: other.id, kind, window },
      {
        ...pair,
        hasNulls: false,
        reads: [...flow.reads, ...other.reads],
      },
    )
  }

  joinTable(flow: Flow): void {
    const other = this.#another(flow, ({ kind, window }) => {
      return kind === 'table' && window === flow.window
    })
    if (!other) return
    this.#used.add(other.id)
    const kind = this.#pick(['inner', 'left'] as const)
    const hasGrace = other.isVersioned && this.#chance(0.5)
    const node = { op: 'join', with: other.id, kind, ...(hasGrace && { grace: this.#int(0, 30) }) }
    this.#derive(flow, node, { ...pair, hasNulls: false })
  }

  joinGlobal(flow: Flow): void {
    const other = this.#flows.find(({ kind }) => kind === 'globalTable')
    if (!other) return
    const kind = this.#pick(['inner', 'left'] as const)
    const fn = flow.shape === 'row' ? 'value.c' : this.#text(flow)
    this.#derive(flow, { op: 'join', with: other.id, kind, fn }, { ...pair, hasNulls: false })
  }

  // Tables

  regroup(flow: Flow): void {
    if (flow.rowsOf === undefined || flow.isHeldBack) return
    const value = this.#chance(0.2) && flow.shape === 'row' ? 'value.m' : this.#number(flow)
    const from = this.#add({
      ...{ op: 'groupBy', from: flow.id, fn: this.#text(flow) },
      value: value as Expression,
    })
    const op = this.#pick(['count', 'reduce', 'aggregate'] as const)
    const steps = { fn: { add: ['aggregate', 'value'] }, subtract: { sub: ['aggregate', 'value'] } }
    const lists = {
      initial: [],
      fn: { append: ['aggregate', 'value'] },
      subtract: { without: ['aggregate', 'value'] },
    }
    const more = op === 'count' ? {} : op === 'reduce' ? steps : lists
    const id = this.#add({ op, from, ...more })
    this.#used.add(flow.id)
    this.#flow({
      ...{ id, kind: 'table', shape: op === 'aggregate' ? 'any' : 'number', hasNulls: true },
      reads: flow.reads,
    })
  }

  joinTables(flow: Flow): void {
    if (flow.isHeldBack) return
    const other = this.#another(flow, ({ id, kind, window, isHeldBack }) => {
      return kind === 'table' && window === flow.window && id !== flow.id && !isHeldBack
    })
    if (!other) return
    this.#used.add(other.id)
    const kind = this.#pick(['inner', 'left', 'outer'] as const)
    const node = { op: 'join', with: other.id, kind }
    this.#derive(flow, node, { ...pair, isVersioned: false, canClose: false, rowsOf: undefined })
  }

  joinByForeignKey(flow: Flow): void {
    if (flow.rowsOf === undefined || flow.isHeldBack) return
    const other = this.#another(flow, ({ rowsOf, kind, isHeldBack }) => {
      return kind === 'table' && rowsOf !== undefined && rowsOf !== flow.rowsOf && !isHeldBack
    })
    if (!other) return
    this.#used.add(other.id)
    const kind = this.#pick(['inner', 'left'] as const)
    const foreignKey = flow.shape === 'row' ? 'value.c' : { const: 'a' }
    const node = { op: 'join', with: other.id, kind, foreignKey }
    this.#derive(flow, node, { ...pair, isVersioned: false, canClose: false, rowsOf: undefined })
  }

  suppress(flow: Flow): void {
    // Kafka Streams refuses it.
    if (flow.isVersioned || flow.isHeldBack) return
    const isUntilClose = flow.canClose && this.#chance(0.6)
    const node: OracleNode = isUntilClose
      ? { op: 'suppress', until: 'close' }
      : {
          ...{ op: 'suppress', until: this.#int(0, 30) },
          ...(this.#chance(0.5) && { maxRecords: this.#int(1, 3) }),
        }
    this.#derive(flow, node, { canClose: false, isVersioned: false, isHeldBack: true })
  }

  // Parts

  #group(flow: Flow, isPlain = false): string {
    this.#used.add(flow.id)
    return isPlain || this.#chance(0.4)
      ? this.#add({ op: 'groupBy', from: flow.id, fn: this.#text(flow) })
      : this.#add({ op: 'groupByKey', from: flow.id })
  }

  #aggregated(from: string, flow: Flow, more: Partial<Flow>): Flow {
    const op = this.#pick(['count', 'reduce', 'aggregate'] as const)
    const isNumber = flow.shape === 'number'
    const nodes: { readonly [op: string]: Omit<OracleNode, 'op' | 'from'> } = {
      count: {},
      reduce: {
        fn: isNumber ? { add: ['aggregate', 'value'] } : 'value',
        merge: isNumber ? { add: ['left', 'right'] } : 'right',
      },
      aggregate: {
        ...{ initial: [], fn: { append: ['aggregate', this.#number(flow)] } },
        merge: { joinLists: ['left', 'right'] },
      },
    }
    const id = this.#add({ op, from, ...nodes[op] })
    const shape = op === 'count' ? 'number' : op === 'aggregate' ? 'any' : flow.shape
    const isKeyed = this.#nodes.find((node) => node.id === from)!.op === 'groupByKey'
    const window = isKeyed && flow.window ? { window: flow.window } : {}
    const { reads } = flow
    const table: Flow = { id, kind: 'table', shape, hasNulls: true, reads, ...window, ...more }
    this.#flow(table)
    return table
  }

  #window(): OracleWindow {
    const grace = this.#pick([0, 0, 5, 20])
    switch (this.#pick(['tumbling', 'hopping', 'sliding', 'session'] as const)) {
      case 'tumbling':
        return { type: 'tumbling', size: 10, grace }
      case 'hopping':
        return { type: 'hopping', size: 10, advance: this.#pick([4, 5]), grace }
      case 'sliding':
        return { type: 'sliding', difference: 8, grace }
      case 'session':
        return { type: 'session', gap: 6, grace }
    }
  }

  #withoutNulls(flow: Flow): Flow {
    this.#derive(
      flow,
      { op: 'filter', fn: { not: { eq: ['value', nothing] } } },
      { hasNulls: false },
    )
    return this.#flows.at(-1)!
  }

  /** A number, whatever the value is. */
  #number({ shape }: Flow): Expression {
    if (shape === 'any') return { const: 1 }
    const path = shape === 'row' ? 'value.n' : 'value'
    return { if: [{ eq: [path, nothing] }, { const: 0 }, path] }
  }

  #key({ window }: Flow): Expression {
    return window ? 'key.key' : 'key'
  }

  /** A new key. */
  #text(flow: Flow): Expression {
    if (flow.window && this.#chance(0.7)) {
      return this.#chance(0.5) ? 'key.key' : { concat: ['key.key', { const: '@' }, 'key.start'] }
    }
    if (flow.shape === 'row') return 'value.r'
    if (flow.shape === 'any') return { const: 'x' }
    return { if: [{ gt: [this.#number(flow), { const: 3 }] }, { const: 'big' }, { const: 'a' }] }
  }

  #derive(flow: Flow, node: Omit<OracleNode, 'from'>, changed: Partial<Flow> = {}): void {
    const id = this.#add({ ...node, op: node.op, from: flow.id })
    this.#used.add(flow.id)
    this.#flow({ ...flow, ...changed, id })
  }

  #another(flow: Flow, fits: (flow: Flow) => boolean): Flow | undefined {
    const others = this.#flows.filter((other) => fits(other))
    if (others.length === 0) return undefined
    const not = others.filter((other) => other !== flow)
    return this.#pick(not.length > 0 && this.#chance(0.9) ? not : others)
  }

  #add(node: OracleNode): string {
    const id = this.#id()
    this.#nodes.push({ ...node, id })
    return id
  }

  #id(): string {
    return `n${this.#ids++}`
  }

  #flow(flow: Flow): void {
    this.#flows.push(flow)
  }

  #input(): OracleInput[] {
    const sources = this.#nodes.flatMap(({ topic, op }) => (topic && op !== 'to' ? [topic] : []))
    const count = this.#int(10, 40)
    let now = this.#int(0, 20)
    return Array.from({ length: count }, (_, i) => {
      now += this.#chance(0.05) ? 100 : this.#int(0, 7)
      const timestamp = this.#chance(0.3) ? Math.max(0, now - this.#int(0, 25)) : now
      const topic = this.#pick(sources)
      const key = this.#chance(0.05)
        ? null
        : this.#pick(topic === 'g' ? ['c0', 'c1', 'a', 'big'] : ['a', 'b', 'c0', 'c1', 'x'])
      return { topic, key, value: this.#value(i), timestamp }
    })
  }

  #value(i: number): unknown {
    if (this.#chance(0.12)) return null
    const row = {
      n: this.#int(0, 9),
      m: i,
      r: this.#pick(['x', 'y', 'a']),
      c: `c${this.#int(0, 2)}`,
    }
    if (this.#chance(0.1)) return { n: row.n, m: i }
    return row
  }

  #int(min: number, max: number): number {
    return min + Math.floor(this.#random.next() * (max - min + 1))
  }

  #chance(share: number): boolean {
    return this.#random.next() < share
  }

  #pick<T>(of: readonly T[]): T {
    return of[this.#int(0, of.length - 1)]!
  }
}

const pair = { shape: 'any' } as const

const tableSteps = [
  ...([
    'filter',
    'mapValues',
    'toStream',
    'regroup',
    'regroup',
    'joinTables',
    'joinTables',
  ] as const),
  ...(['joinByForeignKey', 'suppress'] as const),
] as const

const streamSteps = [
  ...(['filter', 'mapValues', 'flatMapValues', 'selectKey', 'map', 'branch', 'merge'] as const),
  ...(['repartition', 'toTable', 'aggregate', 'windowed', 'windowed', 'windowed'] as const),
  ...(['cogroup', 'joinStream', 'joinStream', 'joinTable', 'joinTable', 'joinGlobal'] as const),
] as const
