/** A key and its window: what the keys of windowed tables are. */
import { dateOf } from '../client/consumer/record.ts'

/** A key and the window that its value belongs to, as the keys of windowed tables are. */
export class Windowed<K = string> {
  readonly key: K
  /** First millisecond of the window. */
  readonly startMs: number
  /** First millisecond after it; of a session and of a sliding window: its last, which is inside. */
  readonly endMs: number

  /** Epoch milliseconds, as `startMs` and `endMs` say. */
  constructor(key: K, startMs: number, endMs: number) {
    this.key = key
    this.startMs = startMs
    this.endMs = endMs
  }

  get start(): Date {
    return dateOf(this.startMs)
  }

  get end(): Date {
    return dateOf(this.endMs)
  }

  toJSON(): object {
    return { key: this.key, start: this.startMs, end: this.endMs }
  }
}
