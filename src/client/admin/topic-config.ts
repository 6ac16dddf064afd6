/** What is asked of a topic when it is made or changed. */
import { type Duration, inspectBriefly } from '../../core/duration.ts'
import {
  duration,
  integer,
  invalid,
  isPlainObject,
  type Option,
  type OptionsOf,
  type OptionTable,
  resolveOptions,
} from '../../core/options.ts'

/** Options of `admin.createTopic`. */
export interface TopicConfig {
  /** Number of partitions. 1 to 100,000; default: the broker's. */
  partitions?: number | undefined
  /** Copies of each partition; an embedded broker keeps one. 1 to 32,767; default: the broker's. */
  replicationFactor?: number | undefined
  /** How long records are kept. 0 or more, or -1 for no limit; default: the broker's. */
  retention?: Duration | undefined
  /** Other Kafka topic configs by name, such as `{ 'cleanup.policy': 'compact' }`. */
  configs?: { readonly [name: string]: string | number | boolean } | undefined
}

/** Changes to a topic; null restores the broker's default. */
export interface TopicChanges {
  /**
   * How long records are kept; null restores the broker's default. 0 or more, or -1 for no limit.
   */
  retention?: Duration | null | undefined
  /** Other Kafka topic configs by name; null restores the broker's default. */
  configs?: { readonly [name: string]: string | number | boolean | null } | undefined
}

type Configs = NonNullable<TopicChanges['configs']>

interface ResolvedTopicOptions {
  readonly partitions: number | undefined
  readonly replicationFactor: number | undefined
  readonly retention: number | null | undefined
  readonly configs: Configs
}

const retention = duration<undefined>(undefined, {
  forever: true,
  kafka: 'retention.ms',
})

export const topicConfigOptions: OptionTable<ResolvedTopicOptions> = {
  partitions: integer(undefined, {
    min: 1,
    max: 100_000,
  }),
  replicationFactor: integer(undefined, {
    min: 1,
    max: 32_767,
  }),
  retention,
  configs: configsOption({ canReset: false }),
} satisfies OptionsOf<TopicConfig>

export const topicChangeOptions: OptionTable<Pick<ResolvedTopicOptions, 'retention' | 'configs'>> =
  {
    retention: {
      ...retention,
      read: (value, name) => (value === null ? null : retention.read(value, name)),
    },
    configs: configsOption({ canReset: true }),
  } satisfies OptionsOf<TopicChanges>

type NamedConfig<Value> = readonly [name: string, value: Value]

/** `configs` by Kafka's names. Throws `ConfigError` naming the key. */
export function resolveTopicConfig(input: TopicConfig): {
  readonly partitions: number | undefined
  readonly replicationFactor: number | undefined
  readonly configs: readonly NamedConfig<string | null>[]
} {
  checkNames('TopicConfig', topicConfigOptions, input)
  const { partitions, replicationFactor, ...given } = resolveOptions(
    'TopicConfig',
    topicConfigOptions,
    input,
  )
  return { partitions, replicationFactor, configs: named(given) }
}

/** By Kafka's names; null for those that go back to the default. Throws `ConfigError` naming the key. */
export function resolveTopicChanges(input: TopicChanges): readonly NamedConfig<string | null>[] {
  checkNames('TopicChanges', topicChangeOptions, input)
  return named(resolveOptions('TopicChanges', topicChangeOptions, input))
}

function named({
  retention,
  configs,
}: Pick<ResolvedTopicOptions, 'retention' | 'configs'>): readonly NamedConfig<string | null>[] {
  const texts = Object.entries(configs).map(
    ([key, value]) => [key, value === null ? null : String(value)] as const,
  )
  if (retention === undefined) return texts
  return [...texts, ['retention.ms', retention === null ? null : String(retention)]]
}

/** A name of Kafka's is right, but not there. */
function checkNames(kind: string, table: object, input: unknown): void {
  for (const key of Object.keys(input ?? {})) {
    const isOurs = Object.values<Option<unknown>>(table as never).some(({ kafka }) => kafka === key)
    if (key.includes('.') && !isOurs) {
      throw invalid(`${kind} has no option '${key}': Kafka's own names go into configs`)
    }
  }
}

/** Topic configs by Kafka's names; `canReset`: null too. */
export function configsOption({ canReset }: { canReset: boolean }): Option<Configs> {
  const types = ['string', 'number', 'boolean']
  const expected = `an object of strings, numbers and booleans${canReset ? ', or null,' : ''} by Kafka's names`
  return {
    type: { kind: 'object', expected },
    fallback: {},
    read(value, name) {
      if (!isPlainObject(value)) {
        throw invalid(`${name} must be ${expected}; got ${inspectBriefly(value)}`)
      }
      for (const [key, config] of Object.entries(value as object)) {
        if (types.includes(typeof config) || (canReset && config === null)) continue
        throw invalid(
          `${name}['${key}'] must be a string, a number or a boolean${canReset ? ', or null' : ''}; got ${inspectBriefly(config)}`,
        )
      }
      return value as Configs
    },
  }
}
