/**
 * Finds topics that come and go, and partitions that are added: every so often, and at once where the client hears of
 * them. One look at a time; what is asked for meanwhile is another.
 */
import type { Timer } from '../../core/runtime.ts'
import type { Cluster } from '../cluster.ts'
import type { Subscription } from './subscription.ts'

/** Topics that match a pattern are looked for at least so often, however long other metadata is trusted. */
const patternAgeMs = 30_000

export interface TopicWatchOptions {
  readonly cluster: Cluster
  readonly subscription: Pick<Subscription, 'refresh' | 'hasPatterns'>
  /** Aborted when the consumer stops. */
  readonly closing: AbortSignal
  /** Whether topics by name, too, are looked at every so often; else somebody else does. */
  readonly watchesNamed: boolean
  /** It has been looked; `isChanged`: other topics match than before. */
  readonly looked: (isChanged: boolean) => Promise<void> | void
  /** A topic has got partitions. */
  readonly grown: (topic: string) => void
}

export class TopicWatch {
  readonly #options: TopicWatchOptions
  #timer: Timer | undefined
  #isLooking = false
  #isWanted = false
  #stopListening: () => void = () => undefined

  constructor(options: TopicWatchOptions) {
    this.#options = options
  }

  start(): void {
    const { cluster, closing, grown } = this.#options
    if (closing.aborted) return
    this.#stopListening = cluster.onTopicGrown(grown)
    this.#lookLater()
  }

  stop(): void {
    this.#stopListening()
    this.#timer?.cancel()
  }

  /** Looks now. What fails is logged: what is read goes on, and the next look may succeed. */
  async look(): Promise<void> {
    const { cluster, subscription, closing, looked } = this.#options
    this.#isWanted = true
    if (this.#isLooking) return
    this.#isLooking = true
    this.#timer?.cancel()
    try {
      while (this.#isWanted && !closing.aborted) {
        this.#isWanted = false
        await looked(await subscription.refresh({ signal: closing }))
      }
    } catch (error) {
      if (!closing.aborted) {
        cluster.runtime.logger.warn(
          { err: error },
          'topics that match a pattern could not be listed',
        )
      }
    } finally {
      this.#isLooking = false
    }
    this.#lookLater()
  }

  #lookLater(): void {
    const { cluster, subscription, watchesNamed, closing } = this.#options
    if (closing.aborted || !(watchesNamed || subscription.hasPatterns)) return
    const { metadataMaxAge } = cluster.config
    const waitMs = subscription.hasPatterns
      ? Math.min(metadataMaxAge, patternAgeMs)
      : metadataMaxAge
    this.#timer = cluster.runtime.setTimer(waitMs, () => void this.look())
  }
}
