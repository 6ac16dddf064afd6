/**
 * Results of a callback that was called before its record's turn, so that several take their time at once. When the turn
 * comes the operator takes the result in place of calling; state, outputs and offsets know nothing of what was begun.
 */
import { ConfigError } from '../../core/errors.ts'
import { Fifo } from '../../core/fifo.ts'
import { type Operator, type OperatorScope, RepartitionOperator } from '../operator.ts'
import { type Origin, StreamRecord } from '../stream-record.ts'
import { isPromise } from './promises.ts'

/** Gives what the callback gave, or throws what it threw; undefined: it was not called. */
type Outcome = (() => unknown) | undefined
type Guard = OperatorScope['guard']

/** Those of one callback in one task. */
class CallsAhead {
  readonly #most: number
  /** By where the record was read: what was derived from it shares that. */
  readonly #outcomes = new WeakMap<Origin, Fifo<Outcome>>()
  readonly #underWay = new Set<Promise<unknown>>()

  /** `most`: calls under way at once. */
  constructor(most: number) {
    this.#most = most
  }

  /** Calls ahead of the turn, unless as many as may be are under way. Throws what the callback throws. */
  start(origin: Origin, call: () => unknown): unknown {
    const outcome =
      this.#underWay.size < this.#most ? outcomeOf(() => this.#watch(call())) : undefined
    const outcomes = this.#outcomes.get(origin) ?? new Fifo<Outcome>()
    outcomes.push(outcome)
    this.#outcomes.set(origin, outcomes)
    return outcome?.()
  }

  /** The record's turn has come. */
  take(origin: Origin, call: () => unknown): unknown {
    const outcome = this.#outcomes.get(origin)?.shift()
    return outcome ? outcome() : this.#callNow(call)
  }

  /** What was begun for a record counts no more. */
  forget(origin: Origin): void {
    this.#outcomes.delete(origin)
  }

  #callNow(call: () => unknown): unknown {
    if (this.#underWay.size < this.#most) return this.#watch(call())
    return Promise.race(this.#underWay).then(
      () => this.#callNow(call),
      () => this.#callNow(call),
    )
  }

  #watch(result: unknown): unknown {
    if (!(result instanceof Promise)) return result
    this.#underWay.add(result)
    const over = () => void this.#underWay.delete(result)
    // What it rejects with is thrown when the record's turn comes.
    result.then(over, over)
    return result
  }
}

function outcomeOf(call: () => unknown): () => unknown {
  try {
    const result = call()
    return () => result
  } catch (error) {
    return () => {
      throw error
    }
  }
}

/** An operator between a source and one with concurrency, or that one: in turn and ahead of it. */
export class StartedOperator {
  readonly #name: string
  readonly #most: number
  readonly #calls: CallsAhead[] = []

  constructor(name: string, most: number) {
    this.#name = name
    this.#most = most
  }

  forget(origin: Origin): void {
    for (const calls of this.#calls) calls.forget(origin)
  }

  /** The scope of the closures that records run through in their turn. */
  inTurn(scope: OperatorScope): OperatorScope {
    const guardOf = (guard: Guard) =>
      this.#guards(guard, (calls, origin, call) => calls.take(origin, call))
    return { ...scope, ...guardOf(scope.guard) }
  }

  /** The scope of those that run ahead; what is below the operator with concurrency they never reach. */
  ahead(scope: OperatorScope): OperatorScope {
    const guards = this.#guards(scope.guard, (calls, origin, call) => {
      const result = calls.start(origin, call)
      return result instanceof Promise ? new Promise(() => undefined) : result
    })
    return { ...scope, ...guards }
  }

  #guards(
    guard: Guard,
    use: (calls: CallsAhead, origin: Origin, call: () => unknown) => unknown,
  ): Pick<OperatorScope, 'guard' | 'guardSync'> {
    let made = 0
    const isConcurrent = this.#most > 1
    const wrap = <A extends unknown[], R>(call: (...args: A) => R) => {
      const index = made++
      const checked = guard(isConcurrent ? call : this.#atOnce(call))
      // Of an operator with concurrency the first is the user's; what makes a record of the result may be done twice.
      if (isConcurrent && index > 0) return checked
      const most = isConcurrent ? this.#most : Number.POSITIVE_INFINITY
      const calls = this.#calls[index] ?? new CallsAhead(most)
      this.#calls[index] = calls
      return (...args: A) => {
        const record = args.find((arg) => arg instanceof StreamRecord)
        return (record ? use(calls, record.origin, () => checked(...args)) : checked(...args)) as R
      }
    }
    return { guard: wrap, guardSync: wrap }
  }

  #atOnce<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      const result = call(...args)
      if (!isPromise(result)) return result
      Promise.resolve(result).catch(() => undefined)
      throw new ConfigError(
        `A callback of '${this.#name}' returned a promise, above a map with concurrency; it must return its result. Do what takes time in that map, or leave its concurrency out`,
        { code: 'INVALID_CONFIG' },
      )
    }
  }
}

const before = ['filter', 'map', 'flatMap', 'peek', 'rekey', 'mapRecord', 'merge', 'branch']

/** Those from the sources to what stands at `operator`. Throws `ConfigError` where one of them cannot be started ahead. */
export function startedBefore(operator: Operator): Set<Operator> {
  const found = new Set<Operator>()
  const visit = (one: Operator) => {
    if (one instanceof RepartitionOperator || found.has(one)) return
    if (one.parents.length === 0 && !one.hasState && one.kind === 'stream') return
    if (!before.includes(one.kind) || one.hasState || one.concurrency > 1) {
      throw new ConfigError(
        `map cannot have concurrency below ${one.kind}${one.name ? ` '${one.name}'` : ''}: its callback is called before the record's turn. Put repartition() in between, or leave out concurrency`,
        { code: 'INVALID_CONFIG' },
      )
    }
    found.add(one)
    for (const parent of one.parents) visit(parent)
  }
  visit(operator)
  return found
}
