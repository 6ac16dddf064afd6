/**
 * Reads Kafka's message definitions: JSON with comment lines, from a folder or straight from a `kafka-clients` jar.
 *
 * @typedef {{ from: number, to: number }} Versions  An empty range has from > to.
 * @typedef {{
 *   name: string, property: string, type: string, isArray: boolean, struct: Struct | undefined,
 *   versions: Versions, nullable: Versions, tagged: Versions, tag: number | undefined,
 *   ignorable: boolean, fallback: string | undefined, about: string,
 * }} Field
 * @typedef {{ name: string, fields: Field[] }} Struct
 * @typedef {{
 *   type: string, name: string, apiKey: number | undefined, listeners: string[], versions: Versions, stable: Versions,
 *   flexibleFrom: number, root: Struct, structs: Struct[],
 * }} Message
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'

const unbounded = 32_767

/** @param {string} source a folder of JSON files, or a jar @returns {Map<string, Message>} by name */
export function readMessages(source) {
  const texts = statSync(source).isDirectory()
    ? readdirSync(source)
        .filter((file) => file.endsWith('.json'))
        .map((file) => readFileSync(`${source}/${file}`, 'utf8'))
    : readJar(source)
  const messages = texts.map((text) => toMessage(JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, ''))))
  return new Map(messages.map((message) => [message.name, message]))
}

/** The message definitions in a jar, which is a zip file: its central directory lists every entry. @param {string} path */
function readJar(path) {
  const zip = readFileSync(path)
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]))
  if (end < 0) throw new Error(`${path} is not a jar`)
  const texts = []
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const method = zip.readUInt16LE(at + 10)
    const size = zip.readUInt32LE(at + 20)
    const nameLength = zip.readUInt16LE(at + 28)
    const local = zip.readUInt32LE(at + 42)
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength)
    if (/^common\/message\/\w+\.json$/.test(name)) {
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
      const content = zip.subarray(start, start + size)
      texts.push((method === 0 ? content : inflateRawSync(content)).toString('utf8'))
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return texts
}

/** @param {any} json @returns {Message} */
function toMessage(json) {
  const versions = parseVersions(json.validVersions)
  const flexible = parseVersions(json.flexibleVersions ?? 'none')
  /** @type {Struct[]} */
  const structs = []
  /** @type {Map<string, Struct>} */
  const shared = new Map()
  /** @type {Context} */
  const context = { message: json.name, versions, structs, shared, common: new Map() }
  /** @type {Map<string, any>} */
  const common = new Map(
    (json.commonStructs ?? []).map((/** @type {any} */ struct) => [struct.name, struct]),
  )
  context.common = common
  const root = {
    name: json.name,
    fields: (json.fields ?? []).map((/** @type {any} */ field) => toField(field, context)),
  }
  const isUnstable = json.latestVersionUnstable === true
  return {
    type: json.type,
    name: json.name,
    apiKey: json.apiKey,
    listeners: json.listeners ?? [],
    versions,
    stable: isUnstable ? { from: versions.from, to: versions.to - 1 } : versions,
    flexibleFrom: flexible.from > flexible.to ? unbounded : flexible.from,
    root,
    structs,
  }
}

/** @typedef {{ message: string, versions: Versions, structs: Struct[], shared: Map<string, Struct>, common: Map<string, any> }} Context */

/** @param {string} name @param {any[]} fields @param {Context} context @returns {Struct} */
function addStruct(name, fields, context) {
  // A nested type is named after its message, unless it is already.
  const full = name.startsWith(context.message) ? name : `${context.message}${name}`
  const struct = { name: full, fields: fields.map((field) => toField(field, context)) }
  context.shared.set(name, struct)
  context.structs.push(struct)
  return struct
}

/** @param {any} json @param {Context} context @returns {Field} */
function toField(json, context) {
  const isArray = json.type.startsWith('[]')
  const type = isArray ? json.type.slice(2) : json.type
  const isStruct = /^[A-Z]/.test(type)
  const fields = json.fields ?? context.common.get(type)?.fields
  const struct = !isStruct
    ? undefined
    : (context.shared.get(type) ?? (fields && addStruct(type, fields, context)))
  if (isStruct && !struct) throw new Error(`${context.message}: unknown type ${type}`)
  return {
    name: json.name,
    property: toProperty(json.name),
    type,
    isArray,
    struct,
    versions: clip(parseVersions(json.versions ?? json.taggedVersions), context.versions),
    nullable: clip(parseVersions(json.nullableVersions ?? 'none'), context.versions),
    tagged: clip(parseVersions(json.taggedVersions ?? 'none'), context.versions),
    tag: json.tag,
    ignorable: json.ignorable === true,
    fallback: json.default === undefined ? undefined : String(json.default),
    about: json.about ?? '',
  }
}

/** @param {string} name TopicId → topicId, ISRNodes → isrNodes */
function toProperty(name) {
  return name.replace(/^[A-Z]+(?![a-z])|^[A-Z]/, (start) => start.toLowerCase())
}

/** @param {string} text "3", "1-4", "2+" or "none" @returns {Versions} */
function parseVersions(text) {
  if (text === 'none') return { from: 1, to: 0 }
  const [from, to] = text.split('-')
  if (text.endsWith('+')) return { from: Number.parseInt(text, 10), to: unbounded }
  return { from: Number(from), to: Number(to ?? from) }
}

/** @param {Versions} a @param {Versions} b @returns {Versions} */
function clip(a, b) {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) }
}
