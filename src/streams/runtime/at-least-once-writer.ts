/** At least once: outputs and changelogs first, then the offsets. After a crash, what came between is done again. */
import type { Cluster } from '../../client/cluster.ts'
import { commitOffsets } from '../../client/consumer/committer.ts'
import type { Membership } from '../../client/consumer/partition-consumption.ts'
import type { ResolvedProducerConfig } from '../../client/producer/producer-config.ts'
import { ProducerEngine } from '../../client/producer/producer-engine.ts'
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import { AbortedError } from '../../core/errors.ts'
import type { Output } from '../operator.ts'
import { OutputDeliveries } from './output-deliveries.ts'
import type { Writer } from './writer.ts'

export interface AtLeastOnceWriterOptions {
  readonly cluster: Cluster
  readonly producer: ResolvedProducerConfig
  readonly membership: () => Promise<Membership>
  readonly check: () => void
  readonly closing: AbortSignal
}

export class AtLeastOnceWriter implements Writer {
  readonly transactionalId = undefined
  readonly #options: AtLeastOnceWriterOptions
  readonly #engine: ProducerEngine
  readonly #deliveries = new OutputDeliveries()

  constructor(options: AtLeastOnceWriterOptions) {
    this.#options = options
    this.#engine = new ProducerEngine(options.cluster, options.producer)
  }

  begin(): Promise<void> {
    this.#deliveries.begin()
    return Promise.resolve()
  }

  write(output: Output, stored?: (offset: bigint) => void): void {
    this.#deliveries.write(this.#engine, output, stored)
  }

  flush(): Promise<void> {
    return this.#deliveries.flush(this.#engine)
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    await this.flush()
    if (offsets.length === 0) return
    const { cluster, membership, check, closing } = this.#options
    await commitOffsets(cluster, { offsets, membership, check, signal: closing })
  }

  /** What was sent stays; what was not is not sent any more. */
  async abort(): Promise<void> {
    await this.#engine.discard(
      new AbortedError('The records are processed again, so this one is not sent', {
        code: 'ABORTED',
      }),
    )
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}
