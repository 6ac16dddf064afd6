/** A topic with the types and serialisers of its keys and values. Wherever a topic's name is taken, this is too. */
import {
  invalid,
  type OptionsOf,
  type OptionTable,
  resolveOptions,
  shaped,
} from '../core/options.ts'
import { type SchemaInput, type SchemaOutput, type StandardSchema, withSchema } from './schema.ts'
import { json, type Serializer, string } from './serializer.ts'

/**
 * Keys of records are strings unless a key serialiser says otherwise. `V` is the type read; `Input` the type that may
 * be written, if a schema transforms it.
 */
export interface Topic<V = unknown, K = string, Input = V> {
  readonly name: string
  readonly key: Serializer<K>
  readonly value: Serializer<V, Input>
}

/** Options of `topic(name, options)`. */
export interface TopicOptions<V, K> {
  /** Serialiser for keys. Default: `string`. */
  key?: Serializer<K>
  /** Serialiser for values. Default: `json()`. */
  value?: Serializer<V>
  /**
   * A Standard Schema (zod, valibot, arktype …) that validates values when they are sent and read.
   * A value that does not match is a `SerializationError` that names the path. The value is stored
   * as you gave it. The schema must validate synchronously. Default: none.
   */
  schema?: StandardSchema<unknown, V>
}

/** With a schema, the types are the schema's. */
interface SchemaTopicOptions<S extends StandardSchema, K> {
  key?: Serializer<K>
  value?: Serializer<unknown>
  schema: S
}

/**
 * Declares a topic's types once: `const orders = topic<Order>('orders')`, or `topic('orders', { schema })`. Throws
 * `ConfigError` for a bad name, serialiser or schema.
 */
export function topic<S extends StandardSchema, K = string>(
  name: string,
  options: SchemaTopicOptions<S, K>,
): Topic<SchemaOutput<S>, K, SchemaInput<S>>
export function topic<V = unknown, K = string>(
  name: string,
  options?: TopicOptions<V, K>,
): Topic<V, K>
export function topic(name: string, options: TopicOptions<unknown, unknown> = {}): Topic<unknown> {
  checkTopicName(name)
  const { key, value, schema } = resolveOptions<ResolvedTopicOptions>(
    'TopicOptions',
    topicOptions,
    options,
  )
  return Object.freeze({
    name,
    key: key as Serializer<string>,
    value: schema ? withSchema(value, schema) : value,
  })
}

interface ResolvedTopicOptions {
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
  readonly schema: StandardSchema | undefined
}

const serializerShape = 'a serialiser: json(), string, bytes, or { name, serialize, deserialize }'

export const topicOptions: OptionTable<ResolvedTopicOptions> = {
  key: shaped<Serializer<unknown>, Serializer<unknown>>(
    string as Serializer<unknown>,
    serializerShape,
    isSerializer,
  ),
  value: shaped<Serializer<unknown>, Serializer<unknown>>(json(), serializerShape, isSerializer),
  schema: shaped<StandardSchema, undefined>(
    undefined,
    'a Standard Schema (from zod, valibot, arktype or another library that implements it)',
    isSchema,
  ),
} satisfies OptionsOf<TopicOptions<unknown, unknown>>

function isSerializer(value: unknown): value is Serializer<unknown> {
  const { serialize, deserialize } = (value ?? {}) as Partial<Serializer<unknown>>
  return typeof serialize === 'function' && typeof deserialize === 'function'
}

/** A schema may be a function with properties, as arktype's are. */
function isSchema(value: unknown): value is StandardSchema {
  const standard = (value as StandardSchema | null | undefined)?.['~standard']
  return typeof standard?.validate === 'function'
}

/** Throws `ConfigError` for what is no topic. */
export function toTopic<V, K, Input = V>(named: string | Topic<V, K, Input>): Topic<V, K, Input> {
  if (typeof named !== 'object' || named === null) {
    return topic<V, K>(named) as unknown as Topic<V, K, Input>
  }
  checkTopicName(named.name)
  if (!isSerializer(named.key) || !isSerializer(named.value)) {
    throw invalid(
      `Topic '${named.name}' has no serialisers for keys and values; create it with topic('${named.name}')`,
    )
  }
  return named
}

/** Kafka's rule. */
export const topicNameRule = "1 to 249 letters, digits, '.', '_' or '-', and not '.' or '..'"

export function isTopicName(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..'
}

/** Throws `ConfigError` for what is no topic's name. */
export function checkTopicName(name: unknown): asserts name is string {
  if (typeof name !== 'string')
    throw invalid(`A topic's name must be a string (${topicNameRule}); got ${typeof name}`)
  if (!isTopicName(name))
    throw invalid(`'${name.slice(0, 260)}' is not a valid topic name: use ${topicNameRule}`)
}
