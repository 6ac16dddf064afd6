/** What a backend counts of the requests that pass through its hall: by API, how many, how long, with which errors. */
import { KafkaError } from '../core/errors.ts'
import { Counter, Histogram, type Metric } from '../core/metrics.ts'
import { errorName } from '../protocol/error-codes.ts'
import type { Answer } from './backend.ts'
import { eachErrorCode } from './errors-in-answer.ts'

export class BackendMetrics {
  readonly #requests = new Histogram(
    'kafkado_request_seconds',
    'Duration of requests by Kafka API; fetches and joins include waiting',
    'api',
  )
  readonly #errors = new Counter(
    'kafkado_request_errors_total',
    'Errors in responses, for the whole request or a part of it such as a partition, and requests without a response',
    ['api', 'error'],
  )
  readonly #throttled = new Counter(
    'kafkado_throttled_requests_total',
    'Requests that were throttled',
    ['api'],
  )
  readonly #throttleTime = new Counter('kafkado_throttle_seconds_total', 'Total throttle time', [
    'api',
  ])

  answered(api: string, durationMs: number, { response, throttleMs }: Answer<unknown>): void {
    this.#requests.observe(api, durationMs)
    if (throttleMs > 0) {
      this.#throttled.at(api).value++
      this.#throttleTime.at(api).value += throttleMs / 1000
    }
    eachErrorCode(response, (code) => void this.#errors.at(api, errorName(code)).value++)
  }

  rejected(api: string, durationMs: number, error: unknown): void {
    this.#requests.observe(api, durationMs)
    const name = error instanceof KafkaError ? error.code : 'UNKNOWN_SERVER_ERROR'
    this.#errors.at(api, name).value++
  }

  read(): Metric[] {
    return [
      ...this.#requests.read(),
      this.#errors.read(),
      this.#throttled.read(),
      this.#throttleTime.read(),
    ]
  }
}
