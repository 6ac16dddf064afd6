/**
 * Whether a table tells those below what a value was before. Kafka Streams does so only where somebody needs it, or where the
 * table is kept in a store anyway, and a filter shows which: it passes over the deletion of what it has never let through, but
 * only if it is told what was there before. The rules here are Kafka Streams', so that the same records come out.
 */
export interface OldValues {
  /** Asked by what needs them (`isNeeded`), and by what takes them where they are to be had. */
  areSent(isNeeded: boolean): boolean
  /** Values are looked up. */
  keep(): void
}

/** Of aggregates, and of what was joined or held back. */
export const sentAlways: OldValues = { areSent: () => true, keep: () => undefined }

/** Of a topic, which is kept from the moment at which something below needs it. */
export class OldValuesOfSource implements OldValues {
  #isKept: boolean

  constructor(isKept: boolean) {
    this.#isKept = isKept
  }

  areSent(isNeeded: boolean): boolean {
    if (isNeeded) this.#isKept = true
    return this.#isKept
  }

  keep(): void {
    this.#isKept = true
  }
}

/** Of a filter or a map. */
export class DerivedOldValues implements OldValues {
  readonly #parent: OldValues
  isSent = false

  constructor(parent: OldValues) {
    this.#parent = parent
  }

  areSent(isNeeded: boolean): boolean {
    if (this.#parent.areSent(isNeeded)) this.isSent = true
    return this.isSent
  }

  keep(): void {
    this.#parent.keep()
  }
}

/** A filter takes them where they are already sent. */
export function oldValuesOfFilter(parent: OldValues): DerivedOldValues {
  const own = new DerivedOldValues(parent)
  own.areSent(false)
  return own
}
