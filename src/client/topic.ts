/** A topic with the types and serialisers of its keys and values. Wherever a topic's name is taken, this is too. */
import { invalid } from '../core/options.ts'
import { json, type Serializer, string } from './serializer.ts'

/** The keys of records are strings unless a key serialiser says otherwise. */
export interface Topic<V = unknown, K = string> {
  readonly name: string
  readonly key: Serializer<K>
  readonly value: Serializer<V>
}

export interface TopicOptions<V, K> {
  /** Default: `string`. */
  key?: Serializer<K>
  /** Default: `json()`. */
  value?: Serializer<V>
}

/** Declares a topic's types once: `const orders = topic<Order>('orders')`. Throws `ConfigError` for a bad name. */
export function topic<V = unknown, K = string>(
  name: string,
  options: TopicOptions<V, K> = {},
): Topic<V, K> {
  checkTopicName(name)
  return Object.freeze({
    name,
    key: options.key ?? (string as unknown as Serializer<K>),
    value: options.value ?? json<V>(),
  })
}

export function toTopic<V, K>(named: string | Topic<V, K>): Topic<V, K> {
  return typeof named === 'string' ? topic<V, K>(named) : named
}

/** Kafka's rule: 1 to 249 of letters, digits, '.', '_' and '-', and neither '.' nor '..'. */
export function checkTopicName(name: unknown): asserts name is string {
  const rule = "1 to 249 letters, digits, '.', '_' or '-', and not '.' or '..'"
  if (typeof name !== 'string')
    throw invalid(`A topic's name must be a string (${rule}); got ${typeof name}`)
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name) || name === '.' || name === '..') {
    throw invalid(`'${name.slice(0, 260)}' is not a valid topic name: use ${rule}`)
  }
}
