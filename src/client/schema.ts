/**
 * Values that are checked: any schema that speaks Standard Schema v1 (https://standardschema.dev), which zod, valibot and
 * arktype do. What is stored is the value as it was given; what consumers get is what the schema makes of it.
 */
import type { Serializer } from './serializer.ts'

/** The part of the specification that is used here. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    /** The library, for messages. */
    readonly vendor: string
    validate(value: unknown): SchemaResult<Output> | Promise<SchemaResult<Output>>
    /** For type inference only. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The type that may be sent to a topic with this schema. */
export type SchemaInput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']
/** The type read from a topic with this schema. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** Why a value does not fit: the `cause` of the `SerializationError`. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
  /** Each with the path to the problem, such as `items[2].price`; empty for the value itself. */
  readonly issues: readonly { readonly path: string; readonly message: string }[]

  constructor(vendor: string, issues: readonly { path: string; message: string }[]) {
    const shown = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    super(`it does not fit the schema (${vendor}): ${shown.join('; ')}`)
    this.issues = issues
  }
}

/** `serializer`, but only for values that fit. */
export function withSchema<Input, Output>(
  serializer: Serializer<unknown>,
  schema: StandardSchema<Input, Output>,
): Serializer<Output, Input> {
  const { deserializeText } = serializer
  return {
    name: serializer.name,
    serialize(value) {
      validated(schema, value)
      return serializer.serialize(value)
    },
    deserialize: (bytes) => validated(schema, serializer.deserialize(bytes)),
    ...(deserializeText && {
      deserializeText: (text: string) => validated(schema, deserializeText.call(serializer, text)),
    }),
  }
}

function validated<Output>(schema: StandardSchema<unknown, Output>, value: unknown): Output {
  const { vendor, validate } = schema['~standard']
  const result = validate(value)
  if (result instanceof Promise) {
    result.catch(() => undefined)
    throw new TypeError(
      `the schema (${vendor}) checks asynchronously, and records are checked at once: leave out what it awaits`,
    )
  }
  if (!result.issues) return result.value
  throw new SchemaError(
    vendor,
    result.issues.map(({ message, path = [] }) => ({ path: path.reduce(withStep, ''), message })),
  )
}

function withStep(path: string, step: PropertyKey | { readonly key: PropertyKey }): string {
  const key = typeof step === 'object' ? step.key : step
  if (typeof key === 'number') return `${path}[${key}]`
  return path === '' ? String(key) : `${path}.${String(key)}`
}
