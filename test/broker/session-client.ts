/**
 * A client that reads in a fetch session as Kafka's own does (KIP-227): it says what has changed since the session's
 * last request, keeps what it was told of each partition, and begins anew, ending the old session, whenever an answer did
 * not come or was an error.
 */
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  createFetchRequestForgottenTopic,
  type FetchRequest,
  type FetchResponse,
  type FetchResponsePartitionData,
  fetch,
} from '../../src/protocol/messages/generated/fetch.ts'
import { type TestBroker, valuesIn } from './test-broker.ts'

export interface Want {
  /** Its name, or its id since version 13. */
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** What a client sees of a partition. */
export interface View {
  readonly error: string
  readonly highWatermark: bigint
  readonly lastStableOffset: bigint
  readonly logStartOffset: bigint
  readonly values: readonly string[]
}

/** What becomes of a request: also of one that comes twice, as after a retry below the client. */
export type Fate = 'answered' | 'request lost' | 'answer lost' | 'sent twice'

export class SessionClient {
  readonly #version: number
  readonly #limits: Partial<FetchRequest>
  readonly wants = new Map<string, Want>()
  /** As the session has it. */
  #sent = new Map<string, Want>()
  #views = new Map<string, View>()
  #id = 0
  #epoch = 0

  constructor(version: number, limits: Partial<FetchRequest> = {}) {
    this.#version = version
    this.#limits = limits
  }

  want(want: Want): void {
    this.wants.set(keyOf(want.topic, want.partition), want)
  }

  forget(topic: string, partition: number): void {
    this.wants.delete(keyOf(topic, partition))
  }

  /** Whether the next request is incremental. */
  get isInSession(): boolean {
    return this.#epoch > 0
  }

  /** What the client sees of every partition it wants; undefined when it got no answer it could use. */
  async poll({ ask }: TestBroker, fate: Fate = 'answered'): Promise<Map<string, View> | undefined> {
    const request = this.#nextRequest()
    const send = () => ask(fetch, request, { version: this.#version })
    if (fate === 'request lost' || fate === 'answer lost') {
      if (fate === 'answer lost') await send()
      this.#epoch = 0
      return undefined
    }
    const response = await send()
    if (fate === 'sent twice') await send()
    return this.#take(response)
  }

  /** What one full fetch without a session says of the same partitions. */
  async look({ ask }: TestBroker): Promise<Map<string, View>> {
    const request = this.#request([...this.wants.values()], { sessionEpoch: -1 })
    return this.#viewsIn(await ask(fetch, request, { version: this.#version }))
  }

  #nextRequest(): FetchRequest {
    const session = { sessionId: this.#id, sessionEpoch: this.#epoch }
    const wants = [...this.wants]
    const before = this.#epoch === 0 ? new Map<string, Want>() : this.#sent
    const changed = wants.filter(([key, want]) => before.get(key)?.offset !== want.offset)
    const forgotten = [...before].filter(([key]) => !this.wants.has(key)).map(([, want]) => want)
    this.#sent = new Map(wants)
    return this.#request(
      changed.map(([, want]) => want),
      {
        ...session,
        forgottenTopicsData: forgotten.map(({ topic, partition }) =>
          createFetchRequestForgottenTopic({ ...this.#named(topic), partitions: [partition] }),
        ),
      },
    )
  }

  #request(wants: readonly Want[], fields: Partial<FetchRequest>): FetchRequest {
    const partition = ({ partition, offset }: Want) =>
      createFetchRequestFetchPartition({
        partition,
        fetchOffset: offset,
        partitionMaxBytes: 1_000_000,
      })
    const topics = wants.map((want) =>
      createFetchRequestFetchTopic({ ...this.#named(want.topic), partitions: [partition(want)] }),
    )
    return createFetchRequest({ minBytes: 1, topics, ...this.#limits, ...fields })
  }

  #take(response: FetchResponse): Map<string, View> | undefined {
    if (response.errorCode !== 0) {
      if (errorName(response.errorCode) === 'FETCH_SESSION_ID_NOT_FOUND') this.#id = 0
      this.#epoch = 0
      return undefined
    }
    const told = this.#viewsIn(response)
    const isFull = this.#epoch === 0
    if (isFull) this.#views = new Map()
    for (const [key, view] of told) {
      if (!this.#sent.has(key)) throw new Error(`an answer for ${key}, which nobody asked for`)
      this.#views.set(key, view)
    }
    this.#id = response.sessionId
    this.#epoch = this.#id === 0 ? 0 : this.#epoch + 1
    const views = new Map([...this.#sent.keys()].map((key) => [key, this.#views.get(key)!]))
    // Records are seen once; the rest holds until another answer says otherwise.
    for (const [key, view] of told) this.#views.set(key, { ...view, values: [] })
    for (const key of this.#views.keys()) if (!this.#sent.has(key)) this.#views.delete(key)
    return views
  }

  #viewsIn({ responses }: FetchResponse): Map<string, View> {
    const views = new Map<string, View>()
    for (const { topic, topicId, partitions } of responses) {
      for (const answer of partitions) {
        const key = keyOf(this.#version >= 13 ? topicId : topic, answer.partitionIndex)
        if (views.has(key)) throw new Error(`two answers for ${key}`)
        views.set(key, toView(answer))
      }
    }
    return views
  }

  #named(topic: string): { topic: string } | { topicId: string } {
    return this.#version >= 13 ? { topicId: topic } : { topic }
  }
}

export function keyOf(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

function toView(answer: FetchResponsePartitionData): View {
  const { highWatermark, lastStableOffset, logStartOffset } = answer
  const values = valuesIn(answer.records)
  const error = errorName(answer.errorCode)
  return { error, highWatermark, lastStableOffset, logStartOffset, values }
}
