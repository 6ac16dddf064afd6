/**
 * How a broker stands, for those who watch it. All of it is in memory and read in place: nothing is copied, nothing waits.
 * Who has no use for it does not carry it along: see `Broker.inspect`.
 */
import { gauge, type Metric } from '../core/metrics.ts'
import type { CommittedOffset } from './group/offset-records.ts'
import type { DiskCondition } from './log/disk-reserve.ts'
import type { PartitionLog } from './log/partition-log.ts'
import type { BrokerServices } from './services.ts'

export interface TopicState {
  readonly name: string
  /** By partition number. */
  readonly partitions: readonly PartitionLog[]
}

export interface GroupState {
  readonly id: string
  /** Kafka's name of it: `Stable`, `Empty`. */
  readonly state: string
  readonly memberCount: number
  /** What it has committed, by topic and partition. */
  readonly offsets: Iterable<
    readonly [topic: string, committed: ReadonlyMap<number, CommittedOffset>]
  >
}

export class BrokerState {
  readonly #services: BrokerServices

  constructor(services: BrokerServices) {
    this.#services = services
  }

  get nodeId(): number {
    return this.#services.config.nodeId
  }

  topics(): readonly TopicState[] {
    return this.#services.topics.all()
  }

  topic(name: string): TopicState | undefined {
    return this.#services.topics.byName(name)
  }

  groups(): readonly GroupState[] {
    const { groups } = this.#services
    return groups.groups().map(({ id, state, memberCount }) => ({
      ...{ id, state, memberCount },
      get offsets() {
        return groups.offsets.byTopic(id)
      },
    }))
  }

  /** Undefined for data in memory. */
  disk(): DiskCondition | undefined {
    return this.#services.logs.reserve.condition()
  }

  /** Partitions, including internal ones, and how many of them the disk has failed. */
  partitions(): { readonly count: number; readonly offline: number } {
    let count = 0
    let offline = 0
    for (const log of this.#services.logs.all()) {
      count++
      if (log.offline) offline++
    }
    return { count, offline }
  }

  /** How it stands, beside what it counts. */
  metrics(): Metric[] {
    const { waiting } = this.#services.longPolls
    return [
      one('kafkado_waiting_fetches', 'Fetches waiting for records', waiting),
      ...diskMetrics(this.disk()),
    ]
  }
}

function one(name: string, help: string, value: number | undefined): Metric {
  return gauge(name, help, [], value === undefined ? [] : [{ labels: {}, value }])
}

/** Of data in memory there are only the names. */
function diskMetrics(disk: DiskCondition | undefined): Metric[] {
  const shortages = ['low', 'full', 'readOnly'] as const
  return [
    one('kafkado_disk_free_bytes', 'Free space on the disk of the data folder', disk?.freeBytes),
    one('kafkado_disk_total_bytes', 'Size of the disk of the data folder', disk?.totalBytes),
    one(
      'kafkado_disk_reserve_bytes',
      'diskReserve: with less free space, client writes are refused',
      disk?.keptFreeBytes,
    ),
    gauge(
      'kafkado_disk_shortage_state',
      '1 while client writes are refused because the disk is `low` on space, `full` or `readOnly`',
      ['state'],
      disk
        ? shortages.map((state) => ({
            labels: { state },
            value: disk.shortage === state ? 1 : 0,
          }))
        : [],
    ),
  ]
}
