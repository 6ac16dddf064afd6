/**
 * One trial: damages a copy of the data folder, starts a broker on it and compares everything that it gives with what had
 * been stored. A trial passes when everything is right, or what is not is missing and reported: an error to whoever asks
 * for it and a line in the log.
 */

import { examine } from '../../src/broker/doctor/examination.ts'
import { FetchedRecords } from '../../src/client/consumer/fetched-records.ts'
import { KafkaError } from '../../src/core/errors.ts'
import type { Logger } from '../../src/core/runtime.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createFindCoordinatorRequest,
  findCoordinator,
} from '../../src/protocol/messages/generated/find-coordinator.ts'
import { readBatches } from '../../src/protocol/records/record-batch.ts'
import { RecordCursor } from '../../src/protocol/records/record-reader.ts'
import type { FaultyFileSystem } from '../broker/faulty-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import {
  batch,
  committedOffset,
  fetchFrom,
  metadataOf,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../broker/test-broker.ts'
import { TransactionalProducer } from '../broker/transactional-producer.ts'
import type { Damage } from './damages.ts'
import {
  committed,
  configuredTopic,
  copyOf,
  type DataFolder,
  retentionMs,
  topic,
  transactionalId,
} from './data-folder.ts'
import { describeTopicConfigs } from './topic-config.ts'

/** What was neither right nor missing and reported; empty for a trial that passed. */
export async function trial(folder: DataFolder, damage: Damage | undefined): Promise<string[]> {
  const fileSystem = copyOf(folder.files)
  damage?.apply(fileSystem)
  return started(folder, fileSystem, damage)
}

/** As `trial`, of a folder that the doctor repairs first. Then it is the doctor who has to say what is missing. */
export async function repairedTrial(folder: DataFolder, damage: Damage): Promise<string[]> {
  const fileSystem = copyOf(folder.files)
  damage.apply(fileSystem)
  const findings = await examine(fileSystem)
  for (const { repair } of findings) await repair?.()
  const left = (await examine(fileSystem)).filter(({ repair }) => repair)
  const faults = left.map(({ path, damage: what }) => `after its repair ${path} ${what}`)
  const lost = findings.flatMap((finding) => finding.lost ?? [])
  return [...faults, ...(await started(folder, fileSystem, damage, lost))]
}

/** `repaired`: what the doctor has said to be lost, of a folder that it has repaired. */
async function started(
  folder: DataFolder,
  fileSystem: FaultyFileSystem,
  damage: Damage | undefined,
  repaired?: readonly string[],
): Promise<string[]> {
  const lines: string[] = []
  const note = (fields: object, message: string) =>
    void lines.push(`${message} ${Object.values(fields).join(' ')}`)
  const logger: Logger = { debug() {}, info() {}, warn: note, error: note }
  let broker: TestBroker
  try {
    broker = await openTestBroker({ fileSystem, runtime: new ManualRuntime(logger) })
  } catch (error) {
    const isNamed = error instanceof KafkaError && error.message.includes('kafka-do doctor')
    return isNamed && damage?.path === 'meta.properties' ? [] : [`the start was refused: ${error}`]
  }
  const judged = new Judge(folder, broker, repaired ?? lines, repaired !== undefined)
  await judged.all()
  await broker.broker.close().catch((error: unknown) => judged.faults.push(`close: ${error}`))
  return judged.faults
}

class Judge {
  readonly faults: string[] = []
  readonly #folder: DataFolder
  readonly #broker: TestBroker
  readonly #lines: readonly string[]
  readonly #isRepaired: boolean

  constructor(
    folder: DataFolder,
    broker: TestBroker,
    lines: readonly string[],
    isRepaired: boolean,
  ) {
    this.#isRepaired = isRepaired
    this.#folder = folder
    this.#broker = broker
    this.#lines = lines
  }

  async all(): Promise<void> {
    await this.#configs()
    await this.#offsets()
    await this.#records(0)
    await this.#records(1)
    await this.#append()
    await this.#transactions()
  }

  #missing(what: string, isReported: boolean): void {
    if (this.#lines.length === 0) this.faults.push(`${what}, without a word`)
    if (!isReported && !this.#isRepaired) this.faults.push(`${what}, and whoever asks is not told`)
  }

  #refused(what: string): void {
    if (this.#isRepaired) this.faults.push(`${what} are refused after the repair`)
    this.#missing(`${what} are refused`, true)
  }

  async #records(isolationLevel: 0 | 1): Promise<void> {
    const { records, aborted, endOffset, recoveryPoint } = this.#folder
    const what = isolationLevel === 1 ? 'read_committed' : 'read_uncommitted'
    const found = new Map<bigint, string>()
    const reported = new Set<bigint>()
    let visibleEnd = -1n
    for (let offset = 0n; offset < endOffset; ) {
      const answer = await fetchFrom(this.#broker, topic, offset, { isolationLevel })
      if (answer.error !== 'NONE') {
        // Below a beginning that a repair has raised.
        const isBefore = answer.error === 'OFFSET_OUT_OF_RANGE'
        if (this.#isRepaired && !isBefore)
          this.faults.push(`${what}: ${answer.error} at ${offset} after the repair`)
        reported.add(offset++)
        continue
      }
      visibleEnd = isolationLevel === 1 ? answer.lastStableOffset : answer.highWatermark
      const bytes = answer.records ?? new Uint8Array(0)
      if (bytes.length === 0) {
        if (offset < visibleEnd) this.faults.push(`${what} waits for ever at ${offset}`)
        break
      }
      const next = [...readBatches(bytes)].at(-1)!.lastOffset + 1n
      for (const [at, value] of this.#values(
        bytes,
        offset,
        answer.abortedTransactions,
        isolationLevel,
      ))
        found.set(at, value)
      if (next <= offset) {
        this.faults.push(`${what} does not go on at ${offset}`)
        break
      }
      offset = next
    }
    for (const [offset, value] of found) {
      if (records.get(offset) !== value) this.faults.push(`${what}: '${value}' at ${offset}`)
      else if (isolationLevel === 1 && aborted.has(value))
        this.faults.push(`${what}: '${value}' was aborted`)
    }
    const lastFound = [...found.keys()].at(-1) ?? -1n
    for (const [offset, value] of records) {
      if (found.has(offset) || (isolationLevel === 1 && aborted.has(value))) continue
      // After a kill, what was written last cannot be told from what never was.
      if (offset >= recoveryPoint && offset > lastFound) continue
      this.#missing(`${what}: ${offset} is missing`, reported.has(offset))
    }
  }

  #values(
    bytes: Uint8Array,
    from: bigint,
    aborted: Awaited<ReturnType<typeof fetchFrom>>['abortedTransactions'],
    isolationLevel: 0 | 1,
  ): [bigint, string][] {
    const values: [bigint, string][] = []
    if (isolationLevel === 1) {
      const read = new FetchedRecords(topic, bytes, from, aborted ?? [])
      while (read.next()) values.push([read.cursor!.offset, read.cursor!.valueText() ?? ''])
      return values
    }
    for (const header of readBatches(bytes)) {
      if (header.isControl) continue
      const cursor = new RecordCursor(bytes, header)
      while (cursor.next()) values.push([cursor.offset, cursor.valueText() ?? ''])
    }
    return values
  }

  async #append(): Promise<void> {
    const { error, baseOffset } = await produceTo(this.#broker, topic, batch('more'))
    if (error !== 'NONE') return this.#missing(`an append failed with ${error}`, true)
    if (baseOffset < this.#folder.recoveryPoint)
      this.faults.push(`offset ${baseOffset} was given out twice`)
  }

  async #configs(): Promise<void> {
    const topics = new Set((await metadataOf(this.#broker, null)).map(({ name }) => name!))
    for (const name of [topic, configuredTopic])
      if (!topics.has(name)) this.#missing(`topic ${name} is gone`, true)
    if (!topics.has(configuredTopic)) return
    const { 'retention.ms': found } = await describeTopicConfigs(this.#broker, configuredTopic)
    if (found === retentionMs) return
    const isSafe = found === '-1'
    this.#missing(`retention.ms of ${configuredTopic} is ${found}`, isSafe)
  }

  async #coordinatorError(keyType: number, key: string): Promise<string> {
    const request = createFindCoordinatorRequest({ keyType, coordinatorKeys: [key] })
    const answer = await this.#broker.ask(findCoordinator, request)
    return errorName(answer.coordinators[0]!.errorCode)
  }

  async #offsets(): Promise<void> {
    if ((await this.#coordinatorError(0, 'g')) !== 'NONE') return this.#refused('groups')
    const found = await committedOffset(this.#broker, topic)
    if (found !== committed) this.#missing(`the group is at ${found}`, false)
  }

  async #transactions(): Promise<void> {
    if ((await this.#coordinatorError(1, transactionalId)) !== 'NONE')
      return this.#refused('transactional ids')
    const { producerId, producerEpoch } = this.#folder
    const producer = new TransactionalProducer(this.#broker, transactionalId)
    const error = await producer.init()
    if (error !== 'NONE') return this.#missing(`the transactional id: ${error}`, true)
    const isNext = producer.producerId === producerId && producer.producerEpoch > producerEpoch
    if (!isNext && this.#isRepaired) this.#missing('what was known of the transactional id', true)
    else if (!isNext) {
      const { producerId: id, producerEpoch: epoch } = producer
      this.faults.push(`the producer was ${producerId}/${producerEpoch} and is ${id}/${epoch}`)
    }
    const other = await TransactionalProducer.open(this.#broker, 'another')
    if (other.producerId <= producerId) this.faults.push('a producer id was given out twice')
    const sent = await other.send(topic, 'more')
    const ended = await other.commit()
    if (sent !== 'NONE' || ended !== 'NONE') this.#missing(`a transaction: ${sent} ${ended}`, true)
  }
}
