/** A client whose way to the broker takes its time, by seed, on a clock that goes on a millisecond each turn of the event loop. */
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import type { Connection, ExchangeOptions } from '../../src/connection/connection.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import type { Api } from '../../src/protocol/api.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import type { SeededRandom } from '../simulation/random.ts'

/** Each request and each answer takes some turns of the event loop; they can overtake each other. */
class SlowConnection implements Connection {
  readonly url = 'slow:'
  readonly #inner: Connection
  readonly #random: SeededRandom
  /** Exchanges whose answer has not come. */
  underWay = 0

  constructor(inner: Connection, random: SeededRandom) {
    this.#inner = inner
    this.#random = random
  }

  async exchange<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options?: ExchangeOptions,
  ): Promise<R> {
    this.underWay++
    try {
      await turns(this.#random.below(6))
      const answer = await this.#inner.exchange(api, request, options)
      await turns(this.#random.below(6))
      return answer
    } finally {
      this.underWay--
    }
  }

  releaseLane(lane: string): void {
    this.#inner.releaseLane(lane)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export interface SlowClient {
  readonly kafka: BaseClient
  /** The client's; its broker has another. */
  readonly runtime: ManualRuntime
  /** Resolves when no answer is on its way, and what came has had the time to lead to something. */
  quiet(): Promise<void>
  close(): Promise<void>
}

/** A broker of its own, in memory. */
export function openSlowClient(random: SeededRandom): SlowClient {
  const runtime = new ManualRuntime()
  const brokerRuntime = new ManualRuntime()
  let isOver = false
  const ticking = (async () => {
    for (; !isOver; await turns(1)) {
      runtime.advance(1)
      brokerRuntime.advance(1)
    }
  })()
  const embedded = new EmbeddedConnection('memory:', 'test', runtime, () =>
    Broker.open({ fileSystem: createMemoryFileSystem(), runtime: brokerRuntime }),
  )
  const slow = new SlowConnection(embedded, random)
  const kafka = new BaseClient(resolveClientConfig({ runtime }, {}), slow)
  return {
    kafka,
    runtime,
    async quiet() {
      for (let quiet = 0; quiet < 20; quiet++, await turns(1)) if (slow.underWay > 0) quiet = 0
    },
    async close() {
      await kafka.close()
      isOver = true
      await ticking
    },
  }
}
