/**
 * Tells the application which partitions come and go, and waits for it. One hook runs at a time, in the order of what
 * happened. A hook that throws, rejects or takes too long ends the consumer: `failed` is told, and nothing rejects here.
 */
import { inspectBriefly } from '../../core/duration.ts'
import { TimeoutError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { within } from '../../core/within.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'

export type HookName = 'onAssigned' | 'onRevoked' | 'onLost'

export interface HooksOptions {
  readonly config: ResolvedConsumerConfig
  readonly runtime: Runtime
  readonly failed: (error: unknown) => void
}

export class AssignmentHooks {
  readonly #options: HooksOptions
  /** Resolves when the last that was called for is over. */
  #last: Promise<void> = Promise.resolve()
  #underWay: Promise<void> | undefined

  constructor(options: HooksOptions) {
    this.#options = options
  }

  /**
   * Resolves when the hook, and those before it, are over. `skipIf` is asked once it is its turn: true when there is nothing
   * to tell any more.
   */
  run(
    name: HookName,
    partitions: readonly TopicPartition[],
    { limitMs, skipIf }: { limitMs?: number; skipIf?: () => boolean } = {},
  ): Promise<void> {
    if (partitions.length === 0) return this.#last
    const told = partitions.map(({ topic, partition }) => ({ topic, partition }))
    this.#last = this.#last.then(() => (skipIf?.() ? undefined : this.#call(name, told, limitMs)))
    return this.#last
  }

  /** Resolves when the hook that is running is over; undefined while none is. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay
  }

  #call(name: HookName, told: readonly TopicPartition[], limitMs?: number): Promise<void> {
    this.#underWay = this.#callWithin(name, told, limitMs).finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async #callWithin(
    name: HookName,
    partitions: readonly TopicPartition[],
    limitMs = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const { config, runtime, failed } = this.#options
    const hook = config[name]
    if (!hook) return
    const timeoutMs = Math.min(config.hookTimeout, limitMs)
    try {
      const answer: unknown = hook(partitions)
      if (!isPromise(answer)) return
      await within(runtime, Promise.resolve(answer), {
        timeoutMs,
        onTimeout: () =>
          new TimeoutError(
            `${name} was still running after ${timeoutMs} ms, so its consumer stops. A hook may take hookTimeout (${config.hookTimeout} ms), and no longer than the rest of rebalanceTimeout`,
            { code: 'REQUEST_TIMED_OUT' },
          ),
      })
    } catch (error) {
      runtime.logger.error(
        { err: error, group: config.group, partitions: inspectBriefly(partitions) },
        `${name} failed, so its consumer stops`,
      )
      failed(error ?? new Error(`${name} threw ${String(error)}`))
    }
  }
}

function isPromise(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}
