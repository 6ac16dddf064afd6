/** Of a disk that fills up and is freed: what must be so at any time, and once there is room again. */
import { logStarts } from '../../src/broker/log/log-starts.ts'
import type { BrokerClient, Place } from './broker-client.ts'
import type { Promises } from './promises.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

export interface SpaceCheckOptions {
  readonly client: BrokerClient
  readonly promises: Promises
  readonly disk: SimulatedDisk
  onProblem(problem: string): void
}

export class SpaceCheck {
  readonly #options: SpaceCheckOptions

  constructor(options: SpaceCheckOptions) {
    this.#options = options
  }

  /** No log begins later than its checkpoint says, or than its first file: else records are lost that nobody has freed. */
  async startsAreSaved(): Promise<void> {
    const { client, disk, onProblem } = this.#options
    for (const place of this.#places()) {
      const earliest = await client.offsetAt(place, -2n)
      if (disk.isDead || earliest === undefined) return
      const saved = this.#savedStart(place)
      const first = this.#segments(place)[0] ?? 0n
      if (earliest > saved && earliest > first)
        onProblem(`${folderOf(place)} begins at ${earliest}, and that is not saved (${saved})`)
    }
  }

  /** What was deleted takes no space any more. */
  async isFree(): Promise<void> {
    const { client, disk, promises, onProblem } = this.#options
    if (disk.isDead) return
    for (const place of this.#places()) {
      const earliest = await client.offsetAt(place, -2n)
      if (disk.isDead || earliest === undefined) return
      const segments = this.#segments(place)
      if (segments.length > 1 && segments[1]! <= earliest)
        onProblem(`${folderOf(place)} begins at ${earliest}, and has older files: ${segments}`)
    }
    for (const folder of disk.peekNames('')) {
      const left = disk.peekNames(folder).filter((name) => /cleaned|tmp$/.test(name))
      if (left.length > 0) onProblem(`${folder} has what a compaction left: ${left}`)
      const dash = folder.lastIndexOf('-')
      if (dash > 0 && promises.topics.get(folder.slice(0, dash))?.type === 'gone')
        onProblem(`${folder} is there, though the topic was deleted`)
    }
  }

  #places(): Place[] {
    return [...this.#options.promises.topics].flatMap(([topic, state]) =>
      state.type === 'live'
        ? Array.from({ length: state.partitions }, (_, partition) => ({ topic, partition }))
        : [],
    )
  }

  #savedStart(place: Place): bigint {
    const text = this.#options.disk.peek(logStarts)
    const line = text && new TextDecoder().decode(text).split('\n').find(isOf(place))
    return line ? BigInt(line.split(' ')[2]!) : 0n
  }

  /** By base offset. */
  #segments(place: Place): bigint[] {
    return this.#options.disk
      .peekNames(folderOf(place))
      .filter((name) => name.endsWith('.log'))
      .map((name) => BigInt(name.slice(0, 20)))
  }
}

function isOf({ topic, partition }: Place): (line: string) => boolean {
  return (line) => line.startsWith(`${topic} ${partition} `)
}

function folderOf({ topic, partition }: Place): string {
  return `${topic}-${partition}`
}
