/** How an application runs on the topics that there are: how many tasks, which topics of its own, what each task reads. */
import type { Cluster } from '../../client/cluster.ts'
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import type { CommittedOffset } from '../../client/consumer/committer.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { ConfigError } from '../../core/errors.ts'
import type { ResolvedStreamsConfig } from '../streams-config.ts'
import type { Task } from '../task/task.ts'
import { repartitionPartitions } from '../topology/copartitioning.ts'
import type { SubTopology, Topology, TopologySource } from '../topology/topology.ts'
import type { TaskShape } from './group-state.ts'
import type { InternalTopic } from './internal-topics.ts'
import type { Restoration } from './restorer.ts'

export interface PlannedTask {
  readonly id: string
  readonly subTopology: SubTopology
  readonly partition: number
  /** Its partition of each topic: what the group gives it. */
  readonly inputs: readonly TopicPartition[]
  /** All partitions of topics that every task reads whole. */
  readonly broadcasts: readonly TopicPartition[]
}

export class Plan {
  readonly topology: Topology
  readonly internalTopics: readonly InternalTopic[]
  readonly tasks: readonly PlannedTask[]
  readonly #internal: ReadonlySet<string>
  /** Whether there are topics between tasks that one process need not write. */
  readonly hasInternal: boolean
  readonly #partitions: ReadonlyMap<string, number>

  /** `partitions`: of every topic that is read, also of those that are still to be made. */
  constructor(topology: Topology, partitions: ReadonlyMap<string, number>) {
    this.topology = topology
    this.#partitions = partitions
    this.tasks = topology.subTopologies.flatMap((subTopology) =>
      plannedTasks(subTopology, partitions),
    )
    const repartitions = topology.subTopologies.flatMap(({ sources }) =>
      sources
        .filter(({ isInternal }) => isInternal)
        .map(({ topic }): InternalTopic => {
          return { name: topic, partitions: partitions.get(topic)!, purpose: 'repartition' }
        }),
    )
    const changelogs = topology.subTopologies.flatMap(({ index, stores }) => {
      const count = this.tasks.filter(({ subTopology }) => subTopology.index === index).length
      return stores
        .filter(({ changelog }) => changelog === 'own')
        .map((store): InternalTopic => {
          return {
            name: topology.changelogOf(store),
            partitions: count,
            purpose: 'changelog',
            // Its versions of one key are records of one key.
            historyMs: store.kind === 'versioned' ? store.retentionMs : undefined,
          }
        })
    })
    this.internalTopics = [...repartitions, ...changelogs]
    this.#internal = new Set(repartitions.map(({ name }) => name))
    this.hasInternal = topology.subTopologies.some(({ sources }) =>
      sources.some(({ isInternal, isBroadcast }) => isInternal && !isBroadcast),
    )
  }

  /** The tasks that read these partitions. */
  tasksOf(partitions: readonly TopicPartition[]): PlannedTask[] {
    const wanted = new Set(partitions.map(nameOf))
    return this.tasks.filter(({ inputs }) => inputs.some((one) => wanted.has(nameOf(one))))
  }

  /** Whether what has been read of a topic is of no more use. A table's is: it is filled from there again. */
  isPurged(topic: string): boolean {
    return this.#internal.has(topic) && !this.topology.stores.some(({ source }) => source === topic)
  }

  /** Whether the application writes topics for itself, besides changelogs. */
  get hasOwnTopics(): boolean {
    return this.#internal.size > 0
  }

  /** Whether a task reads this partition. */
  reads({ topic, partition }: TopicPartition): boolean {
    return partition < (this.#partitions.get(topic) ?? 0)
  }

  /** Whether the application writes this topic for itself. */
  isInternal(topic: string): boolean {
    return this.#internal.has(topic)
  }

  /** How many partitions a topic has that is read. */
  partitionsOf(topic: string): number {
    return this.#partitions.get(topic)!
  }

  /** Where a task begins that has never committed. */
  startOf({ topic }: TopicPartition, config: ResolvedStreamsConfig): Offset {
    return this.#internal.has(topic) ? Offset.earliest : config.offset
  }

  /** Where the entries of a task's stores are. */
  restorationsOf(
    task: Task,
    inputs: readonly TopicPartition[],
    committed: readonly (CommittedOffset | undefined)[],
  ): Restoration[] {
    const { partition } = task
    return [...task.stores.values()].flatMap((store): Restoration[] => {
      const { changelog } = store.spec
      if (changelog === 'own') {
        return [
          { store, topic: this.topology.changelogOf(store.spec), partition, files: task.files },
        ]
      }
      if (changelog === 'none') return []
      const topic = store.spec.source!
      const at = inputs.findIndex((one) => one.topic === topic)
      const until = committed[at]?.offset ?? 0n
      return [{ store, topic, partition, until, files: task.files }]
    })
  }
}

/** The tasks, as the assignor knows them; none of a sub-topology whose topics are not all there. */
export function taskShapes(
  topology: Topology,
  partitions: ReadonlyMap<string, number>,
): TaskShape[] {
  return topology.subTopologies.flatMap((subTopology) => {
    if (!ownSources(subTopology).every(({ topic }) => partitions.has(topic))) return []
    return plannedTasks(subTopology, partitions).map(({ id, inputs }) => ({
      id,
      subTopology: subTopology.index,
      partitions: inputs,
      isStateful: subTopology.stores.some(({ changelog }) => changelog === 'own'),
    }))
  })
}

/** Looks at the topics that the application reads. Throws `ConfigError` when they do not go together. */
export async function planOf(cluster: Cluster, topology: Topology): Promise<Plan> {
  const sources = topology.subTopologies.flatMap(({ sources }) => sources)
  const users = sources.filter(({ isInternal }) => !isInternal).map(({ topic }) => topic)
  if (sources.length === 0) {
    throw new ConfigError('The application reads no topic', { code: 'INVALID_CONFIG' })
  }
  const found = await cluster.ensureTopics(users)
  const given = new Map([...found].map(([name, info]) => [name, info.partitions.length]))
  return new Plan(topology, new Map([...given, ...repartitionPartitions(topology, given)]))
}

function plannedTasks(
  subTopology: SubTopology,
  partitions: ReadonlyMap<string, number>,
): PlannedTask[] {
  const own = ownSources(subTopology)
  const counts = own.map(({ topic }) => partitions.get(topic)!)
  const broadcasts = subTopology.sources
    .filter(({ isBroadcast }) => isBroadcast)
    .flatMap(({ topic }) =>
      // The assignor need not know how many there are.
      Array.from({ length: partitions.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    )
  return Array.from({ length: Math.max(...counts) }, (_, partition) => ({
    id: `${subTopology.index}_${partition}`,
    subTopology,
    partition,
    broadcasts,
    inputs: own
      .filter(({ topic }) => partition < partitions.get(topic)!)
      .map(({ topic }) => ({ topic, partition })),
  }))
}

/** What the group shares out. */
export function ownSources({ sources }: SubTopology): TopologySource[] {
  return sources.filter(({ isBroadcast }) => !isBroadcast)
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
