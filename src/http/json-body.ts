/** Requests and answers that are one JSON object, as most routes have them. */
import { type BodyLimits, mediaTypeOf, readBody } from './body.ts'
import type { HttpRequest } from './http-exchange.ts'
import { parseJson } from './json-scanner.ts'
import { check, type Schema } from './schema.ts'

export const anyObject: Schema = { type: 'object', additionalProperties: true }

/** The content of a JSON answer, for the OpenAPI document. */
export const jsonContent = (schema: Schema) => ({ 'application/json': schema })

export interface JsonBodyOptions {
  /** No body stands for an object without properties. */
  readonly mayBeEmpty?: boolean
}

/** Rejects with `HttpError` for what is no JSON, or not as the schema has it. `T` is what the schema says. */
export async function readJsonBody<T = { readonly [name: string]: unknown }>(
  request: HttpRequest,
  limits: BodyLimits & { readonly maxJsonDepth: number },
  schema: Schema,
  { mayBeEmpty = false }: JsonBodyOptions = {},
): Promise<T> {
  mediaTypeOf(request, ['application/json'])
  const bytes = await readBody(request, limits)
  const isEmpty = mayBeEmpty && bytes.length === 0
  const value = isEmpty ? {} : parseJson(bytes, limits.maxJsonDepth)
  check(schema, value)
  return value as T
}
