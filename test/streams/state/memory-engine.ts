/** A database in memory that outlives those who open it, and can lose its last batches as a crash of the machine does. */
import type { Batch, StateEngine } from '../../../src/streams/state-dir/state-engine.ts'

export class MemoryDatabase {
  /** By the key's bytes as text. */
  entries = new Map<string, Uint8Array>()
  readonly #before: Map<string, Uint8Array>[] = []
  /** What the next write is to fail with. */
  failure: Error | undefined
  reads = 0
  #opened = 0

  open(): StateEngine {
    const opened = ++this.#opened
    return {
      get: (key) => {
        this.reads++
        return this.entries.get(textOf(key))
      },
      write: async (batch) => {
        if (opened === this.#opened) this.write(batch)
      },
      has: async (keys) => keys.map((key) => this.entries.has(textOf(key))),
      scan: (from, to) => this.#scan([...this.entries], textOf(from), textOf(to)),
      size: async () => this.entries.size,
      clear: async () => this.entries.clear(),
      close: async () => undefined,
    }
  }

  write(batch: Batch): void {
    if (this.failure) throw this.failure
    this.#before.push(new Map(this.entries))
    if (this.#before.length > 4) this.#before.shift()
    for (const [key, value] of batch) {
      if (value === null) this.entries.delete(textOf(key))
      else this.entries.set(textOf(key), value.slice())
    }
  }

  /** Whoever had it open is dead, and the last batches were not synced. */
  lose(batches: number): void {
    this.#opened++
    for (let i = 0; i < batches && this.#before.length > 1; i++) this.entries = this.#before.pop()!
  }

  async *#scan(
    entries: [string, Uint8Array][],
    from: string,
    to: string,
  ): AsyncGenerator<[Uint8Array, Uint8Array]> {
    const found = entries.filter(([key]) => key >= from && key < to)
    found.sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [key, value] of found) yield [bytesOf(key), value]
  }
}

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
