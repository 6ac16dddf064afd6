/** What has become of outputs that a producer was given: nobody waits for each, but one that failed fails the commit. */
import type { Delivery, RecordMetadata } from '../../client/producer/delivery.ts'
import type { ProducerEngine } from '../../client/producer/producer-engine.ts'
import type { Output } from '../operator.ts'

export class OutputDeliveries {
  #failure: { readonly error: unknown } | undefined
  readonly #delivery: Delivery = {
    failed: (_index, error) => {
      this.#failure ??= { error }
    },
  }

  /** Numbers in a row let a batch keep one note for all its records. */
  #written = 0

  /** What failed before is over. */
  begin(): void {
    this.#failure = undefined
    this.#written = 0
  }

  /** `stored`: told the offset that it was stored at. */
  write(engine: ProducerEngine, output: Output, stored?: (offset: bigint) => void): void {
    const delivery = stored ? this.#telling(stored) : this.#delivery
    engine.enqueue(output, delivery, this.#written++)
  }

  #telling(stored: (offset: bigint) => void): Delivery {
    return {
      ...this.#delivery,
      stored: (_: number, { offset }: RecordMetadata) => stored(offset),
    }
  }

  /** Resolves once all that was written is stored; rejects with the first failure. */
  async flush(engine: ProducerEngine): Promise<void> {
    await engine.flush()
    if (this.#failure) throw this.#failure.error
  }
}
