/**
 * Faults between client and broker, for tests: the way is slow or breaks, or the broker refuses. A fault concerns the
 * exchanges of one kind, from the nth on, so many times.
 */
import { servedApis } from '../broker/api-table.ts'
import type { Connection, ExchangeOptions } from '../connection/connection.ts'
import { delay } from '../core/backoff.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { DisconnectedError } from '../core/errors.ts'
import {
  integer,
  invalid,
  type OptionsOf,
  type OptionTable,
  resolveOptions,
} from '../core/options.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Api } from '../protocol/api.ts'
import { codeOfName, errorFrom, errorTable } from '../protocol/error-codes.ts'
import {
  createProduceResponse,
  createProduceResponsePartitionProduceResponse,
  createProduceResponseTopicProduceResponse,
  type ProduceRequest,
  produce,
} from '../protocol/messages/generated/produce.ts'

/** What exchanges of the application's doing are called; Kafka's own API names can be given too. */
const operations: { readonly [name: string]: readonly string[] } = {
  produce: ['Produce'],
  fetch: ['Fetch'],
  commit: ['OffsetCommit', 'TxnOffsetCommit'],
  join: ['JoinGroup'],
  heartbeat: ['Heartbeat'],
  endTransaction: ['EndTxn'],
}

/** Which request a fault is for. */
export interface FaultOptions {
  /** The first request affected, counted from now; 1 is the next. 1 or more; default 1. */
  nth?: number | undefined
  /** How many requests in a row. 1 or more; default 1. */
  times?: number | undefined
}

export const faultOptions: OptionTable<{ nth: number; times: number }> = {
  nth: integer(1, {
    min: 1,
  }),
  times: integer(1, { min: 1 }),
} satisfies OptionsOf<FaultOptions>

interface Fault {
  readonly apis: readonly string[]
  skip: number
  left: number
  /** Undefined: the exchange goes on as usual afterwards. */
  before(): Promise<void> | undefined
  /** The answer that takes the place of the broker's; undefined: the broker is asked. */
  answer?(api: Api<never, unknown>, request: unknown): unknown
  after?(): void
}

/** Faults that a test injects: `kafka.faults` of a `MockClient`. */
export class Faults {
  readonly #runtime: Runtime
  #faults: Fault[] = []

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /**
   * The broker refuses with one of Kafka's error names. `operation`: 'produce', 'fetch', 'commit', 'join', 'heartbeat',
   * 'endTransaction', or an API's name. Throws `ConfigError` for names that there are not.
   * @example kafka.faults.fail('produce', 'NOT_LEADER_OR_FOLLOWER', { nth: 3 })
   */
  fail(operation: string, error: string, options: FaultOptions = {}): void {
    if (!errorTable.some(([, name]) => name === error)) {
      throw invalid(`There is no Kafka error '${error}'; docs/errors.md lists them`)
    }
    this.#add(operation, options, {
      before: () => undefined,
      answer: (api, request) => refusal(api, request, error),
    })
  }

  /** The connection breaks before the broker hears of it: it did not happen. */
  disconnect(operation: string, options: FaultOptions = {}): void {
    this.#add(operation, options, { before: () => Promise.reject(broken('failed')) })
  }

  /** The broker does it, and the connection breaks before its answer comes: the client cannot know. */
  loseAnswer(operation: string, options: FaultOptions = {}): void {
    this.#add(operation, options, {
      before: () => undefined,
      after: () => {
        throw broken('unknown')
      },
    })
  }

  /** The way to the broker takes so much longer. */
  delay(operation: string, by: Duration, options: FaultOptions = {}): void {
    const delayMs = parseDuration(by, 'delay')
    this.#add(operation, options, { before: () => delay(this.#runtime, delayMs) })
  }

  /** Forgets all faults. */
  clear(): void {
    this.#faults = []
  }

  /** @internal The connection with the faults. */
  wrap(inner: Connection): Connection {
    return {
      url: inner.url,
      exchange: (api, request, options) => this.#exchange(inner, api, request, options),
      releaseLane: (lane) => inner.releaseLane(lane),
      close: () => inner.close(),
    }
  }

  async #exchange<Request, Response>(
    inner: Connection,
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options?: ExchangeOptions,
  ): Promise<Response> {
    const faults = this.#due(api.name)
    for (const fault of faults) {
      await fault.before()
      const content =
        typeof request === 'function'
          ? (request as (version: number) => Request)(api.maxVersion)
          : request
      const answer = fault.answer?.(api as Api<never, unknown>, content)
      if (answer !== undefined) return answer as Response
    }
    const response = await inner.exchange(api, request, options)
    for (const fault of faults) fault.after?.()
    return response
  }

  #due(apiName: string): Fault[] {
    const concerned = this.#faults.filter(({ apis }) => apis.includes(apiName))
    const due = concerned.filter((fault) => {
      if (fault.skip > 0) {
        fault.skip--
        return false
      }
      fault.left--
      return true
    })
    this.#faults = this.#faults.filter(({ left }) => left > 0)
    return due
  }

  #add(
    operation: string,
    options: FaultOptions,
    how: Pick<Fault, 'before' | 'answer' | 'after'>,
  ): void {
    const { nth, times } = resolveOptions('FaultOptions', faultOptions, options)
    const apis = Object.hasOwn(operations, operation)
      ? operations[operation]!
      : [apiNamed(operation)]
    this.#faults.push({ apis, skip: nth - 1, left: times, ...how })
  }
}

function apiNamed(name: string): string {
  if (servedApis.some(({ api }) => api.name === name)) return name
  throw invalid(
    `There is no operation '${name}'; use one of ${Object.keys(operations).join(', ')}, and Kafka's API names such as 'ListOffsets'`,
  )
}

/** A produce is refused as brokers do it, partition by partition; other refusals are thrown. */
function refusal(api: Api<never, unknown>, request: unknown, error: string): unknown {
  const code = codeOfName(error)
  if (api.key !== produce.key) throw errorFrom(code)
  return createProduceResponse({
    responses: (request as ProduceRequest).topicData.map(({ name, topicId, partitionData }) =>
      createProduceResponseTopicProduceResponse({
        name,
        topicId,
        partitionResponses: partitionData.map(({ index }) =>
          createProduceResponsePartitionProduceResponse({
            index,
            errorCode: code,
            baseOffset: -1n,
          }),
        ),
      }),
    ),
  })
}

function broken(outcome: 'failed' | 'unknown'): DisconnectedError {
  return new DisconnectedError(
    'The connection to the broker broke (a fault injected by the test)',
    {
      code: 'NETWORK_EXCEPTION',
      retriable: true,
      outcome,
    },
  )
}
