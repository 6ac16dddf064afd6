/** Windows before groups: `stream.window(…).groupBy(…)`. */
import type { StreamRecord } from '../stream-record.ts'
import type { SessionWindow, TimeWindow } from '../windows.ts'
import { GroupedStream, type GroupOptions } from './grouped-stream.ts'
import type { SessionGroup } from './session-group.ts'
import type { Stream } from './stream.ts'
import type { WindowedGroup } from './windowed-group.ts'

/** A stream with windows, before its records are grouped. */
export class WindowedStream<V, K> {
  readonly #stream: Stream<V, K>
  readonly #window: TimeWindow

  /** @internal */
  constructor(stream: Stream<V, K>, window: TimeWindow) {
    this.#stream = stream
    this.#window = window
  }

  /** As `Stream.groupBy`. */
  groupBy<K2 extends NonNullable<unknown> | null>(
    key: (value: V, record: StreamRecord<V, K>) => K2,
    options?: GroupOptions<NonNullable<K2>>,
  ): WindowedGroup<V, NonNullable<K2>>
  groupBy<K2 extends NonNullable<unknown> | null>(
    name: string,
    key: (value: V, record: StreamRecord<V, K>) => K2,
    options?: GroupOptions<NonNullable<K2>>,
  ): WindowedGroup<V, NonNullable<K2>>
  groupBy(...args: unknown[]): unknown {
    return GroupedStream.by(this.#stream.at, args).window(this.#window)
  }

  groupByKey(): WindowedGroup<V, NonNullable<K>> {
    return this.#stream.groupByKey().window(this.#window)
  }
}

/** A stream with sessions, before its records are grouped. */
export class SessionStream<V, K> {
  readonly #stream: Stream<V, K>
  readonly #window: SessionWindow

  /** @internal */
  constructor(stream: Stream<V, K>, window: SessionWindow) {
    this.#stream = stream
    this.#window = window
  }

  /** As `Stream.groupBy`. */
  groupBy<K2 extends NonNullable<unknown> | null>(
    key: (value: V, record: StreamRecord<V, K>) => K2,
    options?: GroupOptions<NonNullable<K2>>,
  ): SessionGroup<V, NonNullable<K2>>
  groupBy<K2 extends NonNullable<unknown> | null>(
    name: string,
    key: (value: V, record: StreamRecord<V, K>) => K2,
    options?: GroupOptions<NonNullable<K2>>,
  ): SessionGroup<V, NonNullable<K2>>
  groupBy(...args: unknown[]): unknown {
    return GroupedStream.by(this.#stream.at, args).window(this.#window)
  }

  groupByKey(): SessionGroup<V, NonNullable<K>> {
    return this.#stream.groupByKey().window(this.#window)
  }
}
