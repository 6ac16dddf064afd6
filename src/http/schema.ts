/**
 * JSON Schemas (2020-12), as far as this API needs them: they check what comes, with the place of a mistake, and stand in the
 * OpenAPI document as they are.
 */
import { closest } from '../core/options.ts'
import { HttpError } from './problem.ts'

export interface Schema {
  readonly type?:
    | 'object'
    | 'array'
    | 'string'
    | 'integer'
    | 'number'
    | 'boolean'
    | readonly string[]
  readonly description?: string
  readonly properties?: { readonly [name: string]: Schema }
  readonly required?: readonly string[]
  readonly minProperties?: number
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly format?: string
  readonly default?: unknown
  readonly example?: unknown
  readonly anyOf?: readonly Schema[]
}

/** Throws `HttpError` 400 with the place of the first mistake, as a JSON pointer. */
export function check(schema: Schema, value: unknown, place = ''): void {
  const wrong = mistake(schema, value, place)
  if (wrong) throw wrong
}

function mistake(schema: Schema, value: unknown, place: string): HttpError | undefined {
  if (schema.anyOf) {
    return mistakeInAny(schema.anyOf, value, place)
  }
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type
  const type = types?.find((one) => isOf(one, value))
  if (types && type === undefined)
    return at(place, `must be ${types.join(' or ')}; got ${told(value)}`)
  if (schema.enum && !schema.enum.includes(value))
    return at(place, `must be one of ${schema.enum.map(told).join(', ')}; got ${told(value)}`)
  if (type === 'object') return mistakeInObject(schema, value as object, place)
  if (type === 'array') return mistakeInArray(schema, value as readonly unknown[], place)
  if (typeof value === 'number') return mistakeInNumber(schema, value, place)
  if (typeof value === 'string') return mistakeInString(schema, value, place)
  return undefined
}

/** What is meant as one of them is told what is wrong with it; what is meant as none, what there is. */
function mistakeInAny(
  schemas: readonly Schema[],
  value: unknown,
  place: string,
): HttpError | undefined {
  const wrongs = schemas.map((one) => mistake(one, value, place))
  if (wrongs.includes(undefined)) return undefined
  const meant = schemas.findIndex((one) => !one.enum && typesOf(one).some((t) => isOf(t, value)))
  if (meant >= 0) return wrongs[meant]
  const allowed = schemas.flatMap((one) => one.enum?.map(told) ?? typesOf(one))
  return at(place, `must be ${allowed.join(' or ')}; got ${told(value)}`)
}

function typesOf({ type = [] }: Schema): readonly string[] {
  return typeof type === 'string' ? [type] : type
}

function mistakeInObject(schema: Schema, value: object, place: string): HttpError | undefined {
  const { properties = {}, required = [], minProperties = 0, additionalProperties = false } = schema
  const given = value as { readonly [name: string]: unknown }
  for (const name of required)
    if (!Object.hasOwn(given, name)) return at(place, `must have '${name}'`)
  if (Object.keys(given).length < minProperties) {
    const known = Object.keys(properties).join(', ')
    return at(place, `must have ${minProperties} or more of ${known}`)
  }
  for (const [name, one] of Object.entries(given)) {
    const inside = `${place}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (known) {
      const wrong = mistake(known, one, inside)
      if (wrong) return wrong
    } else if (typeof additionalProperties === 'object') {
      const wrong = mistake(additionalProperties, one, inside)
      if (wrong) return wrong
    } else if (!additionalProperties) {
      const near = closest(name, Object.keys(properties))
      const hint = near ? `Did you mean '${near}'?` : `Known: ${Object.keys(properties).join(', ')}`
      return at(place, `has no '${name.slice(0, 100)}'. ${hint}`)
    }
  }
  return undefined
}

function mistakeInArray(
  schema: Schema,
  value: readonly unknown[],
  place: string,
): HttpError | undefined {
  const { items, minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema
  if (value.length < minItems) return at(place, `must have ${minItems} entries or more`)
  if (value.length > maxItems) return at(place, `must have at most ${maxItems} entries`)
  for (let i = 0; items && i < value.length; i++) {
    const wrong = mistake(items, value[i], `${place}/${i}`)
    if (wrong) return wrong
  }
  return undefined
}

function mistakeInNumber(schema: Schema, value: number, place: string): HttpError | undefined {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema
  if (value >= minimum && value <= maximum) return undefined
  return at(place, `must be from ${minimum} to ${maximum}; got ${value}`)
}

function mistakeInString(schema: Schema, value: string, place: string): HttpError | undefined {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema
  if (value.length < minLength) return at(place, `must have ${minLength} characters or more`)
  if (value.length > maxLength) return at(place, `must have at most ${maxLength} characters`)
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
    return at(place, `must match ${pattern}; got ${told(value)}`)
  return undefined
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'array':
      return Array.isArray(value)
    case 'integer':
      return Number.isSafeInteger(value)
    case 'null':
      return value === null
    default:
      return typeof value === type
  }
}

function at(place: string, message: string): HttpError {
  const where = place === '' ? 'The body' : `The body's ${place}`
  return new HttpError(400, `${where} ${message}`, {
    code: 'INVALID_REQUEST',
    more: { pointer: place },
  })
}

function told(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}
