/** A record as a filter looks at it. */
export interface FilteredRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** As text; of several with one name, the last. */
  readonly headers: { readonly [name: string]: string | null }
}
