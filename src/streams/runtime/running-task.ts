/** A task with its inputs: takes records in the order of their time, as far as that is known. */
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Origin } from '../stream-record.ts'
import type { Task } from '../task/task.ts'
import type { BroadcastPositions } from './broadcast-positions.ts'
import type { TaskInput } from './task-input.ts'

export interface TaskHost {
  /** A record has been processed. */
  onRecord(): void
  /** Monotonic milliseconds. */
  now(): number
  /** What tasks of this process write for one another goes from hand to hand. */
  handsOver(): boolean
  /** How long to wait for an input that has nothing while others have records, milliseconds. */
  readonly maxIdleMs: number
}

/** Between two looks at the clock. */
const recordsPerLook = 32

export class RunningTask {
  readonly task: Task
  /** Those that the group has given it first. */
  readonly inputs: readonly TaskInput[]
  readonly #positions: BroadcastPositions | undefined
  /** Records that were taken since the last commit. */
  processed = 0
  /** Offsets of the last changelog entries that were written, by store. */
  readonly stored = new Map<string, bigint>()
  /** It was taken away: no more records. */
  isTakenAway = false
  /** A record is being processed that takes its time. */
  #isUnderWay = false
  readonly #host: TaskHost
  /** Looked up once: most tasks have no callback with concurrency, and pay nothing for it. */
  readonly #startsAhead: boolean
  /** When the last record came, monotonic milliseconds. */
  #cameAt: number
  /** When the clock was last looked at, monotonic milliseconds. */
  #nowMs: number

  /** Inputs that have nothing, though all that the broker had was read, and since when (monotonic milliseconds). */
  readonly #idleSince = new Map<TaskInput, number>()
  /** While records wait for an input that has none: until when, monotonic milliseconds. */
  #waitsUntilMs = Number.POSITIVE_INFINITY

  /** `positions`: of a task that reads topics whole. */
  constructor(
    task: Task,
    inputs: readonly TaskInput[],
    host: TaskHost,
    positions?: BroadcastPositions,
  ) {
    this.task = task
    this.inputs = inputs
    this.#host = host
    this.#positions = positions
    this.#startsAhead = inputs.some(({ topic }) => task.recordsAhead(topic) > 1)
    this.#cameAt = host.now()
    this.#nowMs = this.#cameAt
  }

  /** Records that were handed over and wait. */
  get handed(): number {
    return this.inputs.reduce((sum, input) => sum + input.handed, 0)
  }

  /** Where the record is from that is processed next; undefined while none is ready. */
  get next(): Origin | undefined {
    return this.isTakenAway ? undefined : this.#choose()?.headOrigin()
  }

  /** Whether what is not committed, or what is under way, has to do with this task. */
  get isInvolved(): boolean {
    return this.isDirty || this.#isUnderWay || this.handed > 0
  }

  /** Whether something has to be committed. */
  get isDirty(): boolean {
    return this.processed > 0 || this.task.hasChanges()
  }

  owns({ topic, partition }: TopicPartition): boolean {
    return this.inputs.some(
      (one) => !one.isBroadcast && one.topic === topic && one.partition === partition,
    )
  }

  /**
   * Runs records through until none is ready or `untilMs` (monotonic) has come. Returns how many, or a promise of that where a
   * callback takes its time. Throws what stops the stream.
   */
  run(runtime: Runtime, untilMs: number): number | Promise<number> {
    let count = 0
    for (;;) {
      // By the clock as it was looked at last: a record may have come a few others too early.
      if (count % recordsPerLook === 0) this.#nowMs = runtime.monotonicNow()
      if (this.#nowMs >= untilMs && count > 0) break
      const input = this.isTakenAway ? undefined : this.#choose()
      if (!input) break
      const waiting = this.#process(input)
      count++
      if (waiting) return waiting.then(() => count)
    }
    return count
  }

  /** In how many milliseconds something is to be done by the wall clock, or because nothing comes; infinite when nothing is. */
  dueIn(runtime: Runtime): number {
    const timerMs = this.task.nextPunctuationMs - runtime.now()
    const idleMs = this.#isSilent()
      ? this.#cameAt + this.task.nextIdleMs - runtime.monotonicNow()
      : Number.POSITIVE_INFINITY
    return Math.max(0, Math.min(timerMs, idleMs))
  }

  /** In how many milliseconds records that wait for an idle input are taken without it; infinite when none do. */
  resumesIn(runtime: Runtime): number {
    return Math.max(0, this.#waitsUntilMs - runtime.monotonicNow())
  }

  /** Does what is due by the wall clock, or because nothing comes. */
  async tick(runtime: Runtime): Promise<void> {
    this.processed++
    await this.task.punctuate(runtime.now())
    if (this.#isSilent()) await this.task.idle(runtime.monotonicNow() - this.#cameAt)
  }

  /** Runs through what was handed over, and nothing else. */
  async drain(): Promise<void> {
    this.#nowMs = this.#host.now()
    for (;;) {
      let chosen: TaskInput | undefined
      for (const input of this.inputs) {
        if (input.handed === 0) continue
        if (!chosen || input.head!.timestampMs < chosen.head!.timestampMs) chosen = input
      }
      if (!chosen || this.isTakenAway) return
      const waiting = this.#process(chosen)
      if (waiting) await waiting
    }
  }

  /** Before its changes are written. */
  prepareCommit(): void {
    this.#positions?.keep(this.inputs)
  }

  /** `offsetOf`: what the commit says of an input; undefined where that has not moved. */
  committed(offsetOf: (input: TaskInput) => bigint | undefined): void {
    this.task.commit()
    this.processed = 0
    for (const input of this.inputs) {
      const offset = input.isBroadcast ? input.committing : offsetOf(input)
      if (offset !== undefined) input.committed = offset
    }
  }

  /** Back to the last commit. */
  abort(): void {
    this.task.abort()
    this.processed = 0
    for (const input of this.inputs) input.rewind()
  }

  #startAhead(input: TaskInput): void {
    const ahead = this.task.recordsAhead(input.topic)
    if (ahead > 1) input.startAhead(ahead, (origin, data) => this.task.startAhead(origin, data))
  }

  #process(input: TaskInput): void | Promise<void> {
    const head = input.head!
    if (input.isBroadcast) input.lastTimestampMs = head.timestampMs
    if (this.#startsAhead) this.#startAhead(input)
    const waiting = this.task.process(input.headOrigin(), input.head!)
    return waiting ? this.#waitFor(waiting, input) : this.#took(input)
  }

  async #waitFor(waiting: Promise<void>, input: TaskInput): Promise<void> {
    this.#isUnderWay = true
    try {
      await waiting
      this.#nowMs = this.#host.now()
      this.#took(input)
    } finally {
      this.#isUnderWay = false
    }
  }

  #took(input: TaskInput): void {
    this.#cameAt = this.#nowMs
    this.processed++
    input.shift()
    this.#host.onRecord()
  }

  #isSilent(): boolean {
    return this.inputs.every((input) => !input.head && this.#isDrained(input))
  }

  #isDrained(input: TaskInput): boolean {
    return input.isDrained || (input.isInternal && this.#host.handsOver())
  }

  /** The input whose next record is the oldest; none while one of them may still bring an older one. */
  #choose(): TaskInput | undefined {
    if (this.inputs.length === 1) return this.inputs[0]!.head && this.inputs[0]!
    this.#waitsUntilMs = Number.POSITIVE_INFINITY
    let waitsUntilMs = 0
    let chosen: TaskInput | undefined
    for (const input of this.inputs) {
      const { head } = input
      if (!head) {
        if (!this.#isDrained(input)) return undefined
        waitsUntilMs = Math.max(waitsUntilMs, this.#idleUntil(input))
        continue
      }
      if (this.#idleSince.size > 0) this.#idleSince.delete(input)
      if (!chosen || head.timestampMs < chosen.head!.timestampMs) chosen = input
    }
    if (!chosen || waitsUntilMs <= this.#nowMs) return chosen
    this.#waitsUntilMs = waitsUntilMs
    return undefined
  }

  /** Until when others wait for an input that has nothing, monotonic milliseconds. What is handed over comes without waiting. */
  #idleUntil(input: TaskInput): number {
    const { maxIdleMs } = this.#host
    if (maxIdleMs === 0 || (input.isInternal && this.#host.handsOver())) return 0
    let since = this.#idleSince.get(input)
    if (since === undefined) {
      since = this.#nowMs
      this.#idleSince.set(input, since)
    }
    return since + maxIdleMs
  }
}
