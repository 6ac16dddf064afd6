/**
 * Producer ids and epochs of one producer (KIP-98, KIP-360). Partitions ask for a next epoch each on its own;
 * one that asks with an epoch older than the current one is simply given the current one.
 */
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createInitProducerIdRequest,
  initProducerId,
} from '../../protocol/messages/generated/init-producer-id.ts'
import type { Cluster } from '../cluster.ts'
import { noIdentity, type ProducerIdentity } from './pending-batch.ts'
import type { ProducerIdentities } from './producer-identities.ts'

export class IdentitySource implements ProducerIdentities {
  readonly #cluster: Cluster
  #current: ProducerIdentity = noIdentity
  #asking: Promise<ProducerIdentity> | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** The identity acquired last; `noIdentity` before the first `acquire`. */
  get current(): ProducerIdentity {
    return this.#current
  }

  acquire(): Promise<ProducerIdentity> {
    return this.#current === noIdentity ? this.#ask() : Promise.resolve(this.#current)
  }

  /** An identity newer than `used`. */
  next(used: ProducerIdentity): Promise<ProducerIdentity> {
    const isNewer =
      this.#current !== noIdentity &&
      (this.#current.producerId !== used.producerId ||
        this.#current.producerEpoch > used.producerEpoch)
    return isNewer ? Promise.resolve(this.#current) : this.#ask()
  }

  /** The broker no longer knows this identity: the next one is a new producer id. */
  discard(): void {
    this.#current = noIdentity
  }

  #ask(): Promise<ProducerIdentity> {
    this.#asking ??= this.#request().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #request(): Promise<ProducerIdentity> {
    const { producerId, producerEpoch } = this.#current
    this.#current = await this.#cluster.retrying('get a producer id', {}, async (call) => {
      // Before v3 (KIP-360) there is no next epoch to ask for: the broker gives a new producer id.
      const request = (version: number) =>
        createInitProducerIdRequest({
          transactionalId: null,
          transactionTimeoutMs: 60_000,
          ...(version >= 3 && { producerId, producerEpoch }),
        })
      const response = await this.#cluster.exchange(initProducerId, request, call)
      if (response.errorCode !== 0) throw errorFrom(response.errorCode)
      return { producerId: response.producerId, producerEpoch: response.producerEpoch }
    })
    return this.#current
  }
}
