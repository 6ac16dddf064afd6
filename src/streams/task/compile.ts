/** Makes the closures of one task from a sub-topology: what a record of each source runs through. */

import { ConfigError } from '../../core/errors.ts'
import type { DropReason, Operator, OperatorScope, Output, Receive } from '../operator.ts'
import { RepartitionOperator, type SourceOperator } from '../operator.ts'
import type { Store } from '../stores/store.ts'
import type { Origin, StreamRecord } from '../stream-record.ts'
import type { SubTopology, Topology } from '../topology/topology.ts'
import { StartedOperator, startedBefore } from './calls-ahead.ts'
import { emitter } from './emitter.ts'
import { OperatorFailure } from './errors.ts'
import { eachInTurn } from './in-turn.ts'
import type { DueResult } from './part.ts'
import { isPromise } from './promises.ts'
import { StreamTime } from './stream-time.ts'
import type { Undo } from './undo.ts'

/** What a task gives its operators. */
export interface Surroundings {
  readonly undo: Undo
  /** By the store's name in the application. */
  store(name: string): Store
  emit(output: Output): void
  dropped(operator: string, reason: DropReason, record: StreamRecord): void
  /** Runs what is due, as a whole of its own; what it fails with is decided on there. */
  apart(result: DueResult, run: () => void | Promise<void>): void | Promise<void>
  onWallClock(intervalMs: number, callback: Receive): void
  onIdle(afterMs: number, callback: Receive): void
  compared?(operator: string, pairs: number): void
}

export interface Ahead {
  /** How many records may be begun, the one whose turn it is among them. */
  readonly records: number
  readonly receive: Receive
}

export interface CompiledTask {
  /** What a source's records go into. */
  readonly entries: ReadonlyMap<SourceOperator | RepartitionOperator, Receive>
  /** What is started ahead of a source's records, where something is. */
  readonly ahead: ReadonlyMap<SourceOperator | RepartitionOperator, Ahead>
  /** What was started of a record read there counts no more. */
  forget(origin: Origin): void
  /** Of operators with state, by name. */
  readonly times: ReadonlyMap<string, StreamTime>
}

export function compile(
  topology: Topology,
  subTopology: SubTopology,
  surroundings: Surroundings,
): CompiledTask {
  const ports = new Map<Operator, readonly Receive[]>()
  const entries = new Map<SourceOperator | RepartitionOperator, Receive>()
  const times = new Map<string, StreamTime>()
  const children = childrenOf([...subTopology.operators, ...subTopology.repartitions])
  for (const repartition of subTopology.repartitions) {
    ports.set(repartition, [writer(topology, repartition, surroundings)])
  }
  const started = startedOf(topology, subTopology)
  const aheadPorts = new Map<Operator, readonly Receive[]>()
  const ahead = new Map<SourceOperator | RepartitionOperator, Ahead>()
  // Those below first, so that each finds what it hands on to.
  for (const operator of [...subTopology.operators].reverse()) {
    const forward = fanOut(
      (children.get(operator) ?? []).map(({ child, port }) => ports.get(child)![port]!),
    )
    const below = (children.get(operator) ?? []).flatMap(({ child, port }) => {
      const receive = aheadPorts.get(child)?.[port]
      return receive ? [{ receive, child }] : []
    })
    const forwardAhead = fanOut(below.map(({ receive }) => receive))
    const isEntry = operator instanceof RepartitionOperator || operator.parents.length === 0
    if (isEntry && below.length > 0) {
      const records = Math.max(...below.map(({ child }) => recordsAhead(child, children)))
      ahead.set(operator as SourceOperator, { records, receive: forwardAhead })
    }
    if (operator instanceof RepartitionOperator) {
      entries.set(operator, forward)
      continue
    }
    const scope = scopeOf(topology, operator, forward, surroundings)
    if (operator.hasState) times.set(topology.nameOf(operator), scope.time)
    const startedOperator = started.get(operator)
    if (startedOperator) {
      const forward: Receive = operator.concurrency > 1 ? () => undefined : forwardAhead
      const receivers = operator.create({ ...startedOperator.ahead(scope), forward })
      // Nothing that runs ahead is waited for.
      const atOnce = receivers.map(
        (receive): Receive =>
          (record) =>
            void receive(record),
      )
      aheadPorts.set(operator, atOnce)
    }
    const receivers = operator.create(startedOperator?.inTurn(scope) ?? scope)
    if (operator.parents.length > 0) ports.set(operator, receivers)
    else entries.set(operator as SourceOperator, receivers[0]!)
  }
  const forget = (origin: Origin) => {
    for (const operator of started.values()) operator.forget(origin)
  }
  return { entries, ahead, forget, times }
}

function startedOf(topology: Topology, { operators }: SubTopology): Map<Operator, StartedOperator> {
  const started = new Map<Operator, StartedOperator>()
  for (const operator of operators) {
    if (operator.concurrency === 1) continue
    for (const one of [operator, ...operator.parents.flatMap((to) => [...startedBefore(to)])]) {
      started.set(one, new StartedOperator(topology.nameOf(one), one.concurrency))
    }
  }
  return started
}

/** The greatest concurrency at or below an operator. */
function recordsAhead(operator: Operator, children: ReadonlyMap<Operator, Child[]>): number {
  if (operator.concurrency > 1) return operator.concurrency
  return Math.max(
    1,
    ...(children.get(operator) ?? []).map(({ child }) => recordsAhead(child, children)),
  )
}

interface Child {
  readonly child: Operator
  /** Which of its parents it is reached from. */
  readonly port: number
}

function childrenOf(operators: readonly Operator[]): Map<Operator, Child[]> {
  const children = new Map<Operator, Child[]>()
  for (const child of new Set(operators)) {
    child.parents.forEach((parent, index) => {
      const port = child instanceof RepartitionOperator ? 0 : index
      children.set(parent, [...(children.get(parent) ?? []), { child, port }])
    })
  }
  return children
}

function scopeOf(
  topology: Topology,
  operator: Operator,
  forward: Receive,
  surroundings: Surroundings,
): OperatorScope {
  const name = topology.nameOf(operator)
  return {
    forward,
    time: new StreamTime(surroundings.undo),
    undo: surroundings.undo,
    store: <S extends Store>(role?: string, of: Operator = operator) =>
      surroundings.store(topology.storeOf(of, role).name) as S,
    // Operators hand on what it returns, and what is not undefined they wait for.
    dropped: (reason, record) => {
      surroundings.dropped(name, reason, record)
    },
    compared: (pairs) => surroundings.compared?.(name, pairs),
    emit: surroundings.emit,
    apart: (record, written, run) => surroundings.apart({ operator: name, record, written }, run),
    onWallClock: surroundings.onWallClock,
    onIdle: surroundings.onIdle,
    guard: (call) => guarded(name, call),
    guardSync: (call, what) => guardedSync(name, call, what),
  }
}

/** Hands a record to each in turn; waits only for one that takes its time. */
function fanOut(receivers: readonly Receive[]): Receive {
  if (receivers.length === 0) return () => undefined
  if (receivers.length === 1) return receivers[0]!
  return (record, old, isLatest) =>
    eachInTurn(receivers, (receive) => receive(record, old, isLatest))
}

/** The upper half of a repartition. */
function writer(
  topology: Topology,
  repartition: RepartitionOperator,
  surroundings: Surroundings,
): Receive {
  const name = topology.nameOf(repartition)
  const write = emitter(surroundings.emit, {
    topic: topology.topicOf(repartition),
    key: repartition.key,
    value: repartition.value,
    partitionOf: repartition.partitionOf,
    operatorOf: () => name,
  })
  if (!repartition.needsKey || isForNullKeys(topology, repartition)) return write
  return (record) => {
    if (record.key === null) return surroundings.dropped(name, 'null key', record)
    return write(record)
  }
}

/** A join that has results for records without a key is below, before the next topic (KIP-962). */
function isForNullKeys({ operators }: Topology, repartition: RepartitionOperator): boolean {
  const children = childrenOf(operators)
  const open = [...(children.get(repartition) ?? [])]
  for (let next = open.pop(); next; next = open.pop()) {
    const { child } = next
    if (child.kind === 'join' && child.parameters.type !== 'inner') return true
    if (!(child instanceof RepartitionOperator)) open.push(...(children.get(child) ?? []))
  }
  return false
}

function guarded<A extends unknown[], R>(name: string, call: (...args: A) => R): (...args: A) => R {
  const fail = (error: unknown): never => {
    throw error instanceof OperatorFailure ? error : new OperatorFailure(name, 'process', error)
  }
  return (...args) => {
    try {
      const result = call(...args)
      return isPromise(result) ? (Promise.resolve(result).catch(fail) as R) : result
    } catch (error) {
      return fail(error)
    }
  }
}

function guardedSync<A extends unknown[], R>(
  name: string,
  call: (...args: A) => R,
  what: string,
): (...args: A) => R {
  return guarded(name, (...args) => {
    const result = call(...args)
    if (isPromise(result)) {
      // It is nobody's business any more, but must not end the process.
      Promise.resolve(result).catch(() => undefined)
      throw new ConfigError(
        `The ${what} of '${name}' returned a promise; it must return its result. Do what takes time in a map or peek before it`,
        { code: 'INVALID_CONFIG' },
      )
    }
    return result
  })
}
