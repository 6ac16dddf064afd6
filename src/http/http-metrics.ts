/** What the HTTP API counts: requests by route and status, and how long they took. Routes are those of the API, by their ids. */
import { Counter, Histogram, type Metric, type Observations, type Series } from '../core/metrics.ts'

/** What was asked for that no route has. */
const noRoute = 'none'

export class HttpMetrics {
  readonly #requests = new Counter(
    'kafkado_http_requests_total',
    'Requests over HTTP, by the operation of the API and the status; `none`: there is no such operation',
    ['route', 'status'],
  )
  readonly #durations = new Histogram(
    'kafkado_http_request_seconds',
    'Requests over HTTP, until the answer begins',
    'route',
  )
  readonly #known = new Map<string, { readonly count: Series; readonly time: Observations }>()

  answered(route: string = noRoute, status: number, durationMs: number): void {
    const key = `${route} ${status}`
    let known = this.#known.get(key)
    if (!known) {
      const count = this.#requests.at(route, String(status))
      known = { count, time: this.#durations.at(route) }
      this.#known.set(key, known)
    }
    known.count.value++
    known.time.observe(durationMs)
  }

  read(): Metric[] {
    return [this.#requests.read(), ...this.#durations.read()]
  }
}
