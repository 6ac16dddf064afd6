/**
 * What tables with windows and without have in common. It says nothing of how they are made or used: it must import nothing that
 * runs, because both begin with it.
 */
import type { View } from '../operators/table.ts'
import type { OldValues } from './old-values.ts'
import type { Place } from './place.ts'
import type { Stream } from './stream.ts'

/** The operator that tells of a table's changes, and how its values are looked up. */
export interface Rows {
  readonly at: Place
  readonly view: View
  readonly old: OldValues
}

/** A `Table` or a `WindowedTable`: what streams and tables can be joined with. */
export abstract class BaseTable<V, K> implements Rows {
  /** @internal */
  abstract readonly at: Place
  /** @internal */
  abstract readonly view: View
  /** @internal */
  abstract readonly old: OldValues
  /** @internal How long earlier values are known, by stream time; undefined: not. */
  abstract readonly historyMs: number | undefined

  /** Every change as a record; null where a key was deleted. */
  abstract toStream(): Stream<V | null, K>
}
