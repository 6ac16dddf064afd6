/**
 * Produce requests to one node, in order: one POST is under way at a time, and the next takes along whatever was asked
 * meanwhile. So batches that follow each other arrive as they were numbered, whatever ways the network has. A POST that
 * nobody waits for any more is given up, so that it does not hold up the others.
 */
import { onAbort } from '../../core/abort.ts'
import { concatBytes } from '../../core/bytes.ts'

export interface Queued {
  readonly frame: Uint8Array
  /** False with acks=0: nothing comes back. */
  readonly hasAnswer: boolean
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal
}

export interface Line {
  /** Resolves with the frame that answers; with undefined once one without an answer was taken. */
  send(queued: Queued): Promise<Uint8Array | undefined>
}

interface Waiting extends Queued {
  readonly resolve: (frame: Uint8Array | undefined) => void
  readonly reject: (error: unknown) => void
}

/** A POST takes no more than that, bytes, unless one request alone is longer: services bound the length of a body. */
const postBytesMax = 8 * 1024 * 1024
/** Nor more requests. */
const postRequestsMax = 64

type PostFrames = (
  body: Uint8Array,
  onFrame: (frame: Uint8Array) => void,
  signal: AbortSignal,
) => Promise<void>

export class ProduceLine implements Line {
  readonly #post: PostFrames
  readonly #cutOff: (unanswered: number) => Error
  readonly #waiting: Waiting[] = []
  #isRunning = false

  /** `cutOff` makes the error for answers that did not come. */
  constructor(post: PostFrames, cutOff: (unanswered: number) => Error) {
    this.#post = post
    this.#cutOff = cutOff
  }

  send(queued: Queued): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...queued, resolve, reject })
      if (!this.#isRunning) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    // What is asked in the same turn goes along.
    await undefined
    while (this.#waiting.length > 0) await this.#postNext(this.#take())
    this.#isRunning = false
  }

  #take(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { frame } of this.#waiting) {
      bytes += frame.length
      if (count > 0 && (bytes > postBytesMax || count >= postRequestsMax)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #postNext(batch: readonly Waiting[]): Promise<void> {
    const answerable = batch.filter(({ hasAnswer }) => hasAnswer)
    let answered = 0
    const abandoned = new AbortController()
    const stops = batch.map(({ signal }) =>
      onAbort(signal, () => {
        if (batch.every((one) => one.signal.aborted)) abandoned.abort(signal.reason)
      }),
    )
    try {
      await this.#post(
        concatBytes(batch.map(({ frame }) => frame)),
        (frame) => answerable[answered++]?.resolve(frame),
        abandoned.signal,
      )
      for (const one of batch) if (!one.hasAnswer) one.resolve(undefined)
      if (answered < answerable.length) throw this.#cutOff(answerable.length - answered)
    } catch (error) {
      // Those that were answered are settled already.
      for (const one of batch) one.reject(error)
    } finally {
      for (const stop of stops) stop()
    }
  }
}
