/** What a join gives: each record is a left and a right value that belong together. */
import type { Topic } from '../../client/topic.ts'
import type { StreamRecord } from '../stream-record.ts'
import { checkCallback } from './state-options.ts'
import type { MaybePromise, Stream } from './stream.ts'
import type { StreamRun } from './stream-run.ts'

type PairRecord<L, R, K> = StreamRecord<readonly [L, R], K>

/** In a left join `right` is null where there was none; in an outer join either may be. */
export class Pairs<L, R, K> {
  readonly #stream: Stream<readonly [L, R], K>

  /** @internal */
  constructor(stream: Stream<readonly [L, R], K>) {
    this.#stream = stream
  }

  /** Keeps pairs for which `keep` returns true. */
  filter(
    keep: (left: L, right: R, record: PairRecord<L, R, K>) => MaybePromise<boolean>,
  ): Pairs<L, R, K> {
    checkCallback('filter', keep)
    return new Pairs(this.#stream.filter(([left, right], record) => keep(left, right, record)))
  }

  /** Maps each pair to one value and keeps the key. */
  map<T>(fn: (left: L, right: R, record: PairRecord<L, R, K>) => MaybePromise<T>): Stream<T, K> {
    checkCallback('map', fn)
    return this.#stream.map(([left, right], record) => fn(left, right, record))
  }

  /** Calls `fn` with each pair. */
  forEach(fn: (left: L, right: R, record: PairRecord<L, R, K>) => unknown): StreamRun {
    checkCallback('forEach', fn)
    const call = ([left, right]: readonly [L, R], record: PairRecord<L, R, K>) =>
      fn(left, right, record)
    return this.#stream.forEach(call)
  }

  /** Writes each pair as `[left, right]`. */
  to(topic: string | Topic<readonly [L, R], K>): StreamRun {
    return this.#stream.to(topic)
  }

  /** Records whose value is `[left, right]`. */
  asStream(): Stream<readonly [L, R], K> {
    return this.#stream
  }
}
