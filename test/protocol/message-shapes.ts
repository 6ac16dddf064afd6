/** Messages made up from the shapes that the generator leaves beside the tests. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import type { Api, DataMessage } from '../../src/protocol/api.ts'

type Range = readonly [from: number, to: number] | null
type FieldShape = readonly [
  property: string,
  type: string | readonly FieldShape[],
  isArray: 0 | 1,
  versions: Range,
  nullable: Range,
  structName?: string,
]
interface Shape {
  readonly versions: readonly [from: number, to: number]
  readonly fields: readonly FieldShape[]
}
interface ApiShape {
  readonly file: string
  readonly request?: Shape
  readonly response?: Shape
  readonly data?: Shape
}

export type Message = { [property: string]: unknown }
type Module = { readonly [name: string]: unknown }

/** One message in one version: how it is made up, written and read. */
export interface MessageCase {
  readonly name: string
  readonly version: number
  readonly arbitrary: fc.Arbitrary<Message>
  readonly codec: DataMessage<Message>
}

const shapes = JSON.parse(
  readFileSync(new URL('message-shapes.json', import.meta.url), 'utf8'),
) as { readonly [constant: string]: ApiShape }

/** Every message of every API in every version. */
export async function everyMessage(): Promise<MessageCase[]> {
  const cases: MessageCase[] = []
  for (const [constant, { file, request, response, data }] of Object.entries(shapes)) {
    const module = (await import(`../../src/protocol/messages/generated/${file}.ts`)) as Module
    const found = module[constant]
    if (data) cases.push(...casesOf(found as DataMessage<Message>, data, module))
    if (!request || !response) continue
    const api = found as Api<Message, Message>
    const { minVersion, maxVersion } = api
    cases.push(
      ...casesOf(
        {
          name: `${api.name}Request`,
          minVersion,
          maxVersion,
          encode: api.encodeRequest,
          decode: api.decodeRequest,
        },
        request,
        module,
      ),
      ...casesOf(
        {
          name: `${api.name}Response`,
          minVersion,
          maxVersion,
          encode: api.encodeResponse,
          decode: api.decodeResponse,
        },
        response,
        module,
      ),
    )
  }
  return cases
}

function casesOf(codec: DataMessage<Message>, { fields }: Shape, module: Module): MessageCase[] {
  return Array.from({ length: codec.maxVersion - codec.minVersion + 1 }, (_, i) => {
    const version = codec.minVersion + i
    return {
      name: codec.name,
      version,
      codec,
      arbitrary: structOf(codec.name, fields, version, module),
    }
  })
}

const string = fc.string({ unit: 'grapheme', maxLength: 8 })
const uuid = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'))
const primitives: { readonly [type: string]: fc.Arbitrary<unknown> } = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  uint16: fc.integer({ min: 0, max: 65_535 }),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  float64: fc.double({ noNaN: true }),
  string,
  uuid,
  bytes: fc.uint8Array({ maxLength: 20 }),
  records: fc.uint8Array({ maxLength: 20 }),
}

/** What a version lacks is at the factory's default. */
function structOf(
  name: string,
  fields: readonly FieldShape[],
  version: number,
  module: Module,
): fc.Arbitrary<Message> {
  const create = module[`create${name}`] as (fields: Message) => Message
  const parts: { [property: string]: fc.Arbitrary<unknown> } = {}
  for (const [property, type, isArray, versions, nullable, structName] of fields) {
    if (!isIn(version, versions)) continue
    const one =
      typeof type === 'string' ? primitives[type]! : structOf(structName!, type, version, module)
    const value = isArray ? fc.array(one, { maxLength: 3 }) : one
    parts[property] = isIn(version, nullable) ? fc.option(value, { nil: null, freq: 4 }) : value
  }
  return fc.record(parts).map(create)
}

function isIn(version: number, range: Range): boolean {
  return range !== null && version >= range[0] && version <= range[1]
}

/** A request of an API in which everything is there twice and every text has a value of its own. */
export interface NamedRequest {
  readonly request: Message
  /** Where each text or id stands, such as `topics.name`, and what stands there. */
  readonly texts: readonly (readonly [path: string, value: string])[]
  /** Paths of all fields that the version has. */
  readonly paths: ReadonlySet<string>
}

/** `fixed`: values of fields by their path, in the place of their defaults. */
export async function namedRequest(
  apiKeyName: string,
  version: number,
  fixed: { readonly [path: string]: unknown } = {},
): Promise<NamedRequest> {
  for (const [constant, { file, request }] of Object.entries(shapes)) {
    const module = (await import(`../../src/protocol/messages/generated/${file}.ts`)) as Module
    if (!request || (module[constant] as Api<unknown, unknown>).name !== apiKeyName) continue
    const texts: [string, string][] = []
    const paths = new Set<string>()
    const build = (name: string, fields: readonly FieldShape[], prefix: string): Message => {
      const create = module[`create${name}`] as (fields: Message) => Message
      const message: Message = {}
      for (const [property, type, isArray, versions, , structName] of fields) {
        if (!isIn(version, versions)) continue
        const path = prefix + property
        paths.add(path)
        const one = () => {
          if (path in fixed) return fixed[path]
          if (typeof type !== 'string') return build(structName!, type, `${path}.`)
          if (type !== 'string' && type !== 'uuid') return undefined
          const value = `${property}-${texts.length}`
          texts.push([path, value])
          return value
        }
        const isPlain = typeof type === 'string' && !['string', 'uuid'].includes(type)
        if (isPlain && !(path in fixed)) continue
        message[property] = isArray ? [one(), one()] : one()
      }
      return create(message)
    }
    return { request: build(`${apiKeyName}Request`, request.fields, ''), texts, paths }
  }
  throw new Error(`There is no shape of ${apiKeyName}`)
}
