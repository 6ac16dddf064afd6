/** Somebody who uses the same server properly, meanwhile: writes record after record, and reads each of them, in order. */
import { Client, Offset, type Producer, string, topic } from '../../src/index.ts'

const steadyTopic = topic('steady', { value: string })
/** A record that is not stored and read in this time has been disturbed. */
const longestMs = 10_000

export class SteadyClient {
  readonly #client: Client
  readonly #producer: Producer<string>
  readonly #stop = new AbortController()
  readonly #read: string[] = []
  #onRead: (() => void) | undefined
  #produced = 0
  /** Records are written one after the other. */
  #turn: Promise<void> = Promise.resolve()
  #reading: Promise<void> = Promise.resolve()
  /** The longest that one record took to be stored and read. */
  slowestMs = 0

  constructor(url: string) {
    this.#client = new Client({ url, clientId: 'steady' })
    this.#producer = this.#client.producer(steadyTopic)
  }

  get client(): Client {
    return this.#client
  }

  get produced(): number {
    return this.#produced
  }

  async start(): Promise<void> {
    await this.#client.admin.createTopic('steady', { retention: -1 })
    const config = { offset: Offset.earliest, signal: this.#stop.signal }
    this.#reading = this.#client.consume(steadyTopic, config, ({ value }) => {
      this.#read.push(value)
      this.#onRead?.()
    })
    this.#reading.catch(() => undefined)
  }

  /** Writes one record and sees it come back. Throws when that goes wrong or takes long. */
  step(): Promise<void> {
    const turn = this.#turn.then(() => this.#step())
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Ends it; throws when what is in the log, or was read, is not what was written. */
  async finish(): Promise<void> {
    this.#stop.abort()
    await this.#reading
    const expected = Array.from({ length: this.#produced }, (_, i) => `value ${i}`)
    const all: string[] = []
    const reader = this.#client.consumer(steadyTopic, { offset: Offset.earliest })
    for await (const { value } of reader.take(this.#produced)) all.push(value)
    if (all.join() !== expected.join()) throw new Error('the log does not hold what was written')
    if (this.#read.join() !== all.join()) throw new Error('what was read is not what was written')
    const [range] = (await this.#client.admin.describeTopic('steady')).offsets
    if (range?.latest !== BigInt(this.#produced))
      throw new Error(`there are ${range?.latest} records, not ${this.#produced}`)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #step(): Promise<void> {
    const number = this.#produced
    const startedAt = performance.now()
    const wasRead = new Promise<void>((resolve) => {
      this.#onRead = () => {
        if (this.#read.length > number) resolve()
      }
    })
    let timer: NodeJS.Timeout | undefined
    const tooLong = new Promise<never>((_, reject) => {
      const fail = () => reject(new Error(`record ${number} is not read after ${longestMs} ms`))
      timer = setTimeout(fail, longestMs)
    })
    const write = async () => {
      const { offset } = await this.#producer.send(`value ${number}`)
      this.#produced++
      if (offset !== BigInt(number)) throw new Error(`record ${number} was given offset ${offset}`)
      await wasRead
    }
    try {
      await Promise.race([write(), this.#reading.then(stoppedReading), tooLong])
    } finally {
      clearTimeout(timer)
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt)
  }
}

function stoppedReading(): never {
  throw new Error('the consumer has ended')
}
