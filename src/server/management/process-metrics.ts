/** What is told of the process: memory, processor time, files, how late the event loop is, how long it has been there. */
import perfHooks, { type IntervalHistogram } from 'node:perf_hooks'
import { gauge, type Metric } from '../../core/metrics.ts'
import type { Runtime } from '../../core/runtime.ts'
import { version } from '../../core/version.ts'
import { openFilesCount, openFilesLimit } from '../../storage/process-limit.ts'

/** How often the event loop is looked at, milliseconds. */
const resolutionMs = 10
/** Delays are told of a time that has lasted at least so long. */
const windowMs = 10_000
const percentiles = [50, 99, 100] as const

type Percentile = (typeof percentiles)[number]

export class ProcessMetrics {
  readonly #runtime: Runtime
  readonly #openFilesLimit = openFilesLimit()
  readonly #startedAt: number
  readonly #startedMs: number
  readonly #delays: IntervalHistogram | undefined
  #windowFrom: number
  #told: ReadonlyMap<Percentile, number> | undefined
  #utilization = perfHooks.performance.eventLoopUtilization?.()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#startedAt = runtime.now()
    this.#startedMs = runtime.monotonicNow()
    this.#windowFrom = this.#startedMs
    try {
      this.#delays = perfHooks.monitorEventLoopDelay({ resolution: resolutionMs })
      this.#delays.enable()
    } catch {
      // A runtime without it.
    }
  }

  close(): void {
    this.#delays?.disable()
  }

  async read(): Promise<Metric[]> {
    const openFiles = await openFilesCount()
    const limit = this.#openFilesLimit
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    const memory = { resident: rss, heap_total: heapTotal, heap_used: heapUsed, external }
    return [
      gauge(
        'kafkado_build_info',
        '1, with the versions of kafka-do and its runtime',
        ['version', 'runtime'],
        [{ labels: { version, runtime: runtimeName() }, value: 1 }],
      ),
      one(
        'kafkado_start_time_seconds',
        'Start time of the server, seconds since 1970',
        this.#startedAt / 1000,
      ),
      one(
        'kafkado_uptime_seconds',
        'Time since the start of the server',
        (this.#runtime.monotonicNow() - this.#startedMs) / 1000,
      ),
      {
        ...one(
          'kafkado_cpu_seconds_total',
          'Processor time of all threads of the process',
          (user + system) / 1e6,
        ),
        type: 'counter',
      },
      gauge(
        'kafkado_memory_bytes',
        'Memory of the process: resident memory, and the parts used by JavaScript',
        ['kind'],
        Object.entries(memory).map(([kind, value]) => ({ labels: { kind }, value })),
      ),
      one('kafkado_open_files', 'Open files and sockets of the process', openFiles),
      one(
        'kafkado_max_open_files',
        'Limit on open files and sockets of the process (ulimit -n)',
        Number.isFinite(limit) ? limit : undefined,
      ),
      this.#delay(),
      one(
        'kafkado_event_loop_busy_ratio',
        'Share of the time since the last scrape in which the event loop was busy',
        this.#busy(),
      ),
    ]
  }

  #delay(): Metric {
    const delays = this.#delays
    const now = this.#runtime.monotonicNow()
    if (delays && (!this.#told || now - this.#windowFrom >= windowMs)) {
      // What is measured is the time from one look to the next.
      const told = percentiles.map((percentile): [Percentile, number] => [
        percentile,
        delays.count === 0
          ? 0
          : Math.max(0, delays.percentile(percentile) / 1e9 - resolutionMs / 1000),
      ])
      this.#told = new Map(told)
      if (now - this.#windowFrom >= windowMs) {
        this.#windowFrom = now
        delays.reset()
      }
    }
    return gauge(
      'kafkado_event_loop_delay_seconds',
      'Event loop delay in the last 10 seconds or since the previous scrape; percentile 100 is the maximum',
      ['percentile'],
      [...(this.#told ?? [])].map(([percentile, value]) => ({
        labels: { percentile: String(percentile) },
        value,
      })),
    )
  }

  #busy(): number | undefined {
    if (!this.#utilization) return undefined
    const before = this.#utilization
    this.#utilization = perfHooks.performance.eventLoopUtilization()
    return perfHooks.performance.eventLoopUtilization(this.#utilization, before).utilization
  }
}

function one(name: string, help: string, value: number | undefined): Metric {
  return gauge(name, help, [], value === undefined ? [] : [{ labels: {}, value }])
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions as { readonly [name: string]: string | undefined }
  if (bun !== undefined) return `bun ${bun}`
  return deno === undefined ? `node ${node}` : `deno ${deno}`
}
