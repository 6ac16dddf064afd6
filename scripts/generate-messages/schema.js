/**
 * Reads Kafka's message definitions (JSON with comments) into a checked model that the emitters use.
 *
 * @typedef {import('./versions.js').VersionRange} VersionRange
 *
 * @typedef {object} Type
 * @property {'primitive' | 'array' | 'struct'} kind
 * @property {string} name             of a primitive, or the struct's TypeScript name
 * @property {Type} [element]          of an array
 * @property {Struct} [struct]
 *
 * @typedef {object} Field
 * @property {string} name             as in TypeScript
 * @property {Type} type
 * @property {VersionRange} versions
 * @property {VersionRange | null} nullable
 * @property {number | null} tag       null: not a tagged field
 * @property {boolean} ignorable
 * @property {string | null} fallback  the default as written in the definition; null: the type's own
 *
 * @typedef {object} Struct
 * @property {string} name             as in TypeScript
 * @property {VersionRange | null} within  versions in which it can occur
 * @property {Field[]} fields
 *
 * @typedef {object} Message
 * @property {string} name
 * @property {string} type             'request' | 'response' | 'data'
 * @property {number} apiKey
 * @property {VersionRange} versions   that can be encoded
 * @property {number} stableMax
 * @property {VersionRange | null} flexible
 * @property {Struct} root
 * @property {Struct[]} structs        root first, each before the structs inside it
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { lowerCamel, nameStructs } from './names.js'
import { hull, intersect, parseVersions } from './versions.js'
import { readZip } from './zip.js'

const primitives = new Set(
  'bool int8 int16 int32 int64 uint16 uint32 float64 string bytes records uuid'.split(' '),
)

/**
 * @param {string} source a kafka-clients jar, or a folder of its `common/message/*.json`
 * @returns {Map<string, object>} raw definitions by name
 */
export function loadDefinitions(source) {
  const texts = statSync(source).isDirectory()
    ? readdirSync(source)
        .filter((name) => name.endsWith('.json'))
        .map((name) => readFileSync(join(source, name), 'utf8'))
    : [...readZip(readFileSync(source), isDefinition).values()].map((bytes) => bytes.toString())
  const definitions = new Map()
  for (const text of texts) {
    const definition = JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''))
    definitions.set(definition.name, definition)
  }
  if (definitions.size === 0) throw new Error(`${source} holds no common/message/*.json`)
  return definitions
}

function isDefinition(name) {
  return name.startsWith('common/message/') && name.endsWith('.json')
}

/** @returns {Message} */
export function readMessage(definition) {
  const { name } = definition
  const versions = parseVersions(definition.validVersions)
  if (!versions) throw new Error(`${name} has no valid versions`)
  const common = new Map((definition.commonStructs ?? []).map((struct) => [struct.name, struct]))
  const raw = new Map()
  collectStructs(definition.fields, common, raw)
  const names = nameStructs(name, [...raw.keys()])
  const structs = new Map()
  for (const [own, fields] of raw) {
    structs.set(own, { name: names.get(own), within: null, rawFields: fields, fields: [] })
  }
  const root = { name, within: versions, rawFields: definition.fields, fields: [] }
  for (const struct of [root, ...structs.values()]) {
    struct.fields = struct.rawFields.map((field) => readField(field, structs))
    delete struct.rawFields
  }
  spreadVersions(root)
  return {
    name,
    type: definition.type,
    apiKey: definition.apiKey ?? -1,
    versions,
    stableMax: versions.max - (definition.latestVersionUnstable ? 1 : 0),
    flexible: intersect(parseVersions(definition.flexibleVersions), versions),
    root,
    structs: [root, ...structs.values()].filter((struct) => struct.within),
  }
}

function collectStructs(fields, common, found) {
  for (const field of fields) {
    const name = field.type.replace('[]', '')
    if (primitives.has(name) || found.has(name)) continue
    const inner = field.fields ?? common.get(name)?.fields
    if (!inner) throw new Error(`struct ${name} is not defined`)
    found.set(name, inner)
    collectStructs(inner, common, found)
  }
}

/** @returns {Field} */
function readField(raw, structs) {
  const versions = parseVersions(raw.versions)
  const tagged = parseVersions(raw.taggedVersions)
  if (!versions) throw new Error(`field ${raw.name} has no versions`)
  if (tagged && (tagged.min !== versions.min || tagged.max !== versions.max)) {
    throw new Error(`field ${raw.name} is tagged in some of its versions only: not supported`)
  }
  if (raw.flexibleVersions) throw new Error(`field ${raw.name} has its own flexible versions`)
  const field = {
    name: lowerCamel(raw.name),
    type: readType(raw.type, structs),
    versions,
    nullable: intersect(parseVersions(raw.nullableVersions), versions),
    tag: tagged ? raw.tag : null,
    ignorable: raw.ignorable === true,
    fallback: raw.default === undefined ? null : String(raw.default),
  }
  if (field.tag !== null && field.nullable && field.type.kind === 'struct') {
    throw new Error(`field ${raw.name} is a tagged struct that may be null: not supported`)
  }
  return field
}

/** @returns {Type} */
function readType(text, structs) {
  if (text.startsWith('[]')) {
    return { kind: 'array', name: '[]', element: readType(text.slice(2), structs) }
  }
  if (primitives.has(text)) return { kind: 'primitive', name: text }
  const struct = structs.get(text)
  return { kind: 'struct', name: struct.name, struct }
}

/** Works out in which versions each struct can occur. */
function spreadVersions(struct) {
  for (const field of struct.fields) {
    const inner = (field.type.element ?? field.type).struct
    if (!inner) continue
    const within = intersect(field.versions, struct.within)
    if (!within) continue
    inner.within = hull(inner.within, within)
    spreadVersions(inner)
  }
}
