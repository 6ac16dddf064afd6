/** What the doctor finds, and what it would do about it. */

export interface Finding {
  /** The file or folder, relative to the data folder. */
  readonly path: string
  /** What is wrong with it. */
  readonly damage: string
  /** What that has cost, in records, groups or transactions; undefined: nothing that cannot be made anew. */
  readonly lost: string | undefined
  /** What a repair does. */
  readonly remedy: string
  /** Does it; durable when it resolves. Undefined where the next start does it by itself. */
  readonly repair: (() => Promise<void>) | undefined
}
