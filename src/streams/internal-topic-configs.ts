/** The option `internalTopics`: Kafka's topic configs for the topics that an application makes for itself. */
import { configsOption } from '../client/admin/topic-config.ts'
import { inspectBriefly } from '../core/duration.ts'
import { invalid, isPlainObject, type Option } from '../core/options.ts'

type Configs = { readonly [name: string]: string | number | boolean }

/** Configs by Kafka's names, for topics that are made; one that is there already is left as it is. */
export interface InternalTopicConfigs {
  /** Of the changelogs of its stores. */
  readonly changelog?: Configs | undefined
  /** Of the topics that repartitions write. */
  readonly repartition?: Configs | undefined
}

/** What the application relies on: with another, state or records would be lost. */
const fixed: ReadonlySet<string> = new Set(['cleanup.policy', 'message.timestamp.type'])

const expected = "{ changelog, repartition }, each with topic configs by Kafka's names"
const { read } = configsOption({ canReset: false })

export const internalTopicsOption: Option<InternalTopicConfigs | undefined> = {
  type: { kind: 'object', expected },
  fallback: undefined,
  read(value, name) {
    if (!isPlainObject(value)) {
      throw invalid(`${name} must be ${expected}; got ${inspectBriefly(value)}`)
    }
    const given = value as Record<string, unknown>
    const unknown = Object.keys(given).find((key) => key !== 'changelog' && key !== 'repartition')
    if (unknown !== undefined) {
      throw invalid(`${name}.${unknown} is not known; ${name} has changelog and repartition`)
    }
    return {
      changelog: configsIn(given.changelog, `${name}.changelog`),
      repartition: configsIn(given.repartition, `${name}.repartition`),
    }
  },
}

function configsIn(value: unknown, name: string): Configs | undefined {
  if (value === undefined) return undefined
  const configs = read(value, name) as Configs
  for (const key of Object.keys(configs)) {
    if (fixed.has(key)) {
      throw invalid(`${name} cannot set '${key}': the application needs its own value`)
    }
  }
  return { ...configs }
}
