/** A table that every process has in full, so that it can be joined by any key. */
import type { Operator } from '../operator.ts'
import { storeView, type View } from '../operators/table.ts'
import type { Draft } from './draft.ts'

/** A table that every process has in full, so that streams can be joined with it by any key; see `globalTable`. */
export class GlobalTable<V, K> {
  /** @internal */
  readonly draft: Draft
  /** @internal */
  readonly operator: Operator
  /** @internal */
  readonly view: View
  /** @internal */
  declare readonly types: [V, K]

  /** @internal */
  constructor(draft: Draft, operator: Operator) {
    this.draft = draft
    this.operator = operator
    this.view = storeView(operator, false)
  }
}
