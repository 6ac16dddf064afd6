/**
 * Writes the TypeScript of messages: for each struct an interface, a factory, an encoder and a decoder that serve all
 * versions. A condition on the version appears only where the message's own versions leave it open.
 *
 * @typedef {import('./schema.js').Message} Message
 * @typedef {import('./schema.js').Field} Field
 * @typedef {import('./schema.js').Struct} Struct
 * @typedef {import('./schema.js').Versions} Versions
 */

/** @type {{ [type: string]: { ts: string, method: string, zero: string, isSized?: boolean } }} */
const primitives = {
  bool: { ts: 'boolean', method: 'Bool', zero: 'false' },
  int8: { ts: 'number', method: 'Int8', zero: '0' },
  int16: { ts: 'number', method: 'Int16', zero: '0' },
  uint16: { ts: 'number', method: 'Uint16', zero: '0' },
  int32: { ts: 'number', method: 'Int32', zero: '0' },
  uint32: { ts: 'number', method: 'Uint32', zero: '0' },
  int64: { ts: 'bigint', method: 'Int64', zero: '0n' },
  float64: { ts: 'number', method: 'Float64', zero: '0' },
  uuid: { ts: 'string', method: 'Uuid', zero: 'zeroUuid' },
  string: { ts: 'string', method: 'String', zero: "''", isSized: true },
  bytes: { ts: 'Uint8Array', method: 'Bytes', zero: 'emptyBytes', isSized: true },
  records: { ts: 'Uint8Array', method: 'Bytes', zero: 'emptyBytes', isSized: true },
}

/** @param {Message} message @returns {string} its interfaces, factories, encoders and decoders */
export function emitMessage(message) {
  // Inner structs first, so that every name is declared above its use.
  const structs = [...message.structs, message.root].map((struct) => emitStruct(struct, message))
  return [...structs, ...comparedStructs(message).map(emitIsDefault)].join('\n')
}

/** Structs in tagged fields, which are left out when they say nothing. @param {Message} message @returns {Struct[]} */
function comparedStructs({ root, structs }) {
  const tagged = [root, ...structs]
    .flatMap(({ fields }) => fields)
    .filter((field) => field.struct && !field.isArray && isTagged(field))
  const found = new Set(tagged.map((field) => /** @type {Struct} */ (field.struct)))
  for (const struct of found)
    for (const { struct: inner, isArray } of struct.fields) if (inner && !isArray) found.add(inner)
  return [...found]
}

/** @param {Struct} struct */
function emitIsDefault({ name, fields }) {
  const tests = fields.map((field) => isFallback(field, `m.${field.property}`))
  return `function isDefault${name}(m: ${name}): boolean {\n  return ${tests.join(' && ')}\n}\n`
}

/** @param {Struct} struct @param {Message} message */
function emitStruct(struct, message) {
  return [
    emitInterface(struct),
    emitFactory(struct),
    emitEncoder(struct, message),
    emitDecoder(struct, message),
  ].join('\n')
}

/** @param {Struct} struct */
function emitInterface({ name, fields }) {
  return `export interface ${name} {\n${fields.map((field) => `  ${field.property}: ${tsType(field)}\n`).join('')}}\n`
}

/** @param {Struct} struct */
function emitFactory({ name, fields }) {
  const lines = fields.map((field) => {
    const value = `fields.${field.property}`
    return `    ${field.property}: ${value} === undefined ? ${fallbackOf(field)} : ${value},\n`
  })
  return `export function create${name}(fields: Fields<${name}> = {}): ${name} {\n  return {\n${lines.join('')}  }\n}\n`
}

/** @param {Struct} struct @param {Message} message */
function emitEncoder({ name, fields }, message) {
  const flexible = conditionFrom(message.flexibleFrom, message.versions)
  const usesVersion = true
  const plain = fields
    .filter((field) => !isOnlyTagged(field))
    .map((field) => emitWrite(field, message))
  const tagged = fields.filter(isTagged).map((field) => emitTagged(field, message))
  let body = plain.join('')
  if (flexible !== 'false') body += emitTaggedSection(tagged, flexible)
  body += fields
    .filter(isOnlyTagged)
    .map((field) => emitAbsent(field, message))
    .join('')
  const version = usesVersion ? 'v' : '_v'
  return `export function encode${name}(w: ByteWriter, m: ${name}, ${version}: number): void {\n${body}}\n`
}

/** @param {string[]} tagged @param {string} flexible */
function emitTaggedSection(tagged, flexible) {
  if (tagged.length === 0) return `  if (${flexible}) w.writeUnsignedVarint(0)\n`
  const counts = tagged.map((part) => part.split('\u0000')[0])
  const writes = tagged.map((part) => part.split('\u0000')[1])
  return `  if (${flexible}) {\n    w.writeUnsignedVarint(${counts.join(' + ')})\n${writes.join('')}  }\n`
}

/** Two parts: the expression that counts the field, and the statement that writes it. @param {Field} field @param {Message} message */
function emitTagged(field, message) {
  const value = `m.${field.property}`
  const isPresent = [condition(field.tagged, message.versions), `!(${isFallback(field, value)})`]
    .filter((part) => part !== 'true')
    .join(' && ')
  const write = indent(
    writeValue(
      field,
      value,
      message,
      isAlwaysNullable(field) ? 'true' : condition(field.nullable, message.versions),
    ),
    6,
  )
  return `(${isPresent} ? 1 : 0)\u0000    if (${isPresent}) {\n      w.writeUnsignedVarint(${field.tag})\n      const mark${field.tag} = w.beginSized()\n${write}      w.endSized(mark${field.tag})\n    }\n`
}

/** @param {Field} field @param {Message} message */
function emitWrite(field, message) {
  const value = `m.${field.property}`
  const untagged = isTagged(field)
    ? { from: field.versions.from, to: field.tagged.from - 1 }
    : field.versions
  const present = condition(untagged, message.versions)
  const nullable = condition(field.nullable, untagged)
  const write = writeValue(field, value, message, nullable)
  if (present === 'true') return indent(write, 2)
  const absent =
    field.ignorable || (field.struct && !field.isArray)
      ? ''
      : ` else if (${condition(field.versions, message.versions) === 'true' ? 'false' : `!(${isFallback(field, value)})`}) {\n    throw unsupported('${field.property}', v)\n  }`
  return `  if (${present}) {\n${indent(write, 4)}  }${absent}\n`
}

/** A tagged field that a version lacks must be at its default, unless it may be ignored. @param {Field} field @param {Message} message */
function emitAbsent(field, message) {
  const present = condition(field.versions, message.versions)
  if (present === 'true' || field.ignorable || (field.struct && !field.isArray)) return ''
  const value = `m.${field.property}`
  return `  if (!(${present}) && !(${isFallback(field, value)})) throw unsupported('${field.property}', v)\n`
}

/** @param {Field} field @param {string} value @param {Message} message @param {string} nullable */
function writeValue(field, value, message, nullable) {
  const compact = conditionFrom(message.flexibleFrom, message.versions)
  if (field.isArray) {
    const element = writeElement({ ...field, isArray: false }, 'item', message)
    const all = (/** @type {string} */ list) =>
      `w.writeArrayLength(${list}.length, ${compact})\nfor (const item of ${list}) {\n${indent(element, 2)}}\n`
    if (nullable === 'false')
      return isNullable(field)
        ? `const list${field.name} = required(${value}, '${field.property}')\n${all(`list${field.name}`)}`
        : all(value)
    const guard =
      nullable === 'true' ? '' : `  if (!(${nullable})) required(null, '${field.property}')\n`
    return `if (${value} === null) {\n${guard}  w.writeArrayLength(-1, ${compact})\n} else {\n${indent(all(value), 2)}}\n`
  }
  if (field.struct) {
    if (!isNullable(field)) return `encode${field.struct.name}(w, ${value}, v)\n`
    if (nullable === 'false')
      return `encode${field.struct.name}(w, required(${value}, '${field.property}'), v)\n`
    return `if (${value} === null) w.writeInt8(-1)\nelse {\n  w.writeInt8(1)\n  encode${field.struct.name}(w, ${value}, v)\n}\n`
  }
  const { method, isSized } = primitive(field)
  if (!isSized) return `w.write${method}(${value})\n`
  if (!isNullable(field)) return `w.write${method}(${value}, ${compact})\n`
  if (nullable === 'true') return `w.writeNullable${method}(${value}, ${compact})\n`
  if (nullable === 'false')
    return `w.write${method}(required(${value}, '${field.property}'), ${compact})\n`
  return `if (${nullable}) w.writeNullable${method}(${value}, ${compact})\nelse w.write${method}(required(${value}, '${field.property}'), ${compact})\n`
}

/** @param {Field} field @param {string} value @param {Message} message */
function writeElement(field, value, message) {
  if (field.struct) return `encode${field.struct.name}(w, ${value}, v)\n`
  const { method, isSized } = primitive(field)
  return isSized
    ? `w.write${method}(${value}, ${conditionFrom(message.flexibleFrom, message.versions)})\n`
    : `w.write${method}(${value})\n`
}

/** @param {Struct} struct @param {Message} message */
function emitDecoder({ name, fields }, message) {
  const flexible = conditionFrom(message.flexibleFrom, message.versions)
  const lets = fields.map((field) => emitRead(field, message)).join('')
  const tagged = fields.filter(isTagged)
  let section = ''
  if (flexible !== 'false') {
    section =
      tagged.length === 0
        ? `  if (${flexible}) r.skipTaggedFields()\n`
        : emitReadTagged(tagged, message, flexible)
  }
  return `export function decode${name}(r: ByteReader, v: number): ${name} {\n${lets}${section}  return { ${fields.map((field) => field.property).join(', ')} }\n}\n`
}

/** @param {Field} field @param {Message} message */
function emitRead(field, message) {
  const untagged = isTagged(field)
    ? { from: field.versions.from, to: field.tagged.from - 1 }
    : field.versions
  const present = condition(untagged, message.versions)
  const declared = `${isTagged(field) ? 'let' : 'const'} ${field.property}`
  if (present === 'false') return `  ${declared}: ${tsType(field)} = ${fallbackOf(field)}\n`
  const read = readValue(field, message, condition(field.nullable, untagged))
  if (present === 'true') return `  ${declared}: ${tsType(field)} = ${read}\n`
  return `  ${declared}: ${tsType(field)} = ${present} ? ${read} : ${fallbackOf(field)}\n`
}

/** @param {Field[]} tagged @param {Message} message @param {string} flexible */
function emitReadTagged(tagged, message, flexible) {
  const cases = tagged.map((field) => {
    const inVersions = condition(field.tagged, message.versions)
    const test =
      inVersions === 'true' ? `tag === ${field.tag}` : `tag === ${field.tag} && ${inVersions}`
    const read = readValue(
      field,
      message,
      isAlwaysNullable(field) ? 'true' : condition(field.nullable, field.tagged),
    )
    return `if (${test}) ${field.property} = ${read}\n      else `
  })
  return `  if (${flexible}) {
    for (let count = r.readTaggedFieldCount(); count > 0; count--) {
      const tag = r.readUnsignedVarint()
      const size = r.readTaggedFieldSize()
      const end = r.position + size
      ${cases.join('')}r.skip(size)
      r.endTaggedField(end)
    }
  }\n`
}

/** @param {Field} field @param {Message} message @param {string} nullable */
function readValue(field, message, nullable) {
  const compact = conditionFrom(message.flexibleFrom, message.versions)
  if (field.isArray) {
    const element = field.struct ? `decode${field.struct.name}` : readElementOf(field, compact)
    if (nullable === 'false') return `readArray(r, v, ${compact}, ${element})`
    if (nullable === 'true') return `readNullableArray(r, v, ${compact}, ${element})`
    return `(${nullable} ? readNullableArray(r, v, ${compact}, ${element}) : readArray(r, v, ${compact}, ${element}))`
  }
  if (field.struct) {
    const plain = `decode${field.struct.name}(r, v)`
    return nullable === 'false' ? plain : `(r.readInt8() < 0 ? null : ${plain})`
  }
  const { method, isSized } = primitive(field)
  if (!isSized) return `r.read${method}()`
  const read = `r.read${method}(${compact})`
  const readNullable = `r.readNullable${method}(${compact})`
  if (nullable === 'true') return readNullable
  return nullable === 'false' ? read : `(${nullable} ? ${readNullable} : ${read})`
}

/** @param {Field} field @param {string} compact */
function readElementOf(field, compact) {
  const { method, isSized } = primitive(field)
  return isSized
    ? `(reader) => reader.read${method}(${compact})`
    : `(reader) => reader.read${method}()`
}

/** @param {Field} field */
function primitive(field) {
  const found = primitives[field.type]
  if (!found) throw new Error(`unknown type ${field.type} of ${field.name}`)
  return found
}

/** @param {Field} field */
function tsType(field) {
  const element = field.struct ? field.struct.name : primitive(field).ts
  return `${element}${field.isArray ? '[]' : ''}${isNullable(field) ? ' | null' : ''}`
}

/** @param {Field} field */
function fallbackOf(field) {
  const { fallback } = field
  if (fallback === 'null') return 'null'
  if (field.isArray) return '[]'
  if (field.struct)
    return isNullable(field) && fallback === 'null' ? 'null' : `create${field.struct.name}()`
  const { ts, zero } = primitive(field)
  if (fallback === undefined || fallback === '') return zero
  if (ts === 'bigint') return `${BigInt(fallback)}n`
  if (ts === 'number') return `${Number(fallback)}`
  if (ts === 'boolean') return fallback
  return JSON.stringify(fallback).replaceAll('"', "'")
}

/** An expression that says whether a value is the default. @param {Field} field @param {string} value */
function isFallback(field, value) {
  const { fallback } = field
  if (fallback === 'null') return `${value} === null`
  if (field.isArray || field.type === 'bytes' || field.type === 'records') {
    return isNullable(field)
      ? `${value} !== null && ${value}.length === 0`
      : `${value}.length === 0`
  }
  if (field.struct) return `isDefault${field.struct.name}(${value})`
  return `${value} === ${fallbackOf(field)}`
}

/** @param {Field} field */
function isNullable(field) {
  return field.nullable.from <= field.nullable.to
}

/** @param {Field} field */
function isAlwaysNullable(field) {
  return isNullable(field) && field.nullable.from <= field.tagged.from
}

/** @param {Field} field */
function isTagged(field) {
  return field.tag !== undefined && field.tagged.from <= field.tagged.to
}

/** @param {Field} field */
function isOnlyTagged(field) {
  return isTagged(field) && field.tagged.from <= field.versions.from
}

/** Whether a version `v`, known to be in `known`, is in `wanted`. @param {Versions} wanted @param {Versions} known */
function condition(wanted, known) {
  if (
    wanted.from > wanted.to ||
    known.from > known.to ||
    wanted.from > known.to ||
    wanted.to < known.from
  )
    return 'false'
  const parts = []
  if (wanted.from > known.from) parts.push(`v >= ${wanted.from}`)
  if (wanted.to < known.to) parts.push(`v <= ${wanted.to}`)
  return parts.length === 0 ? 'true' : parts.join(' && ')
}

/** @param {number} from @param {Versions} known */
function conditionFrom(from, known) {
  return condition({ from, to: 32_767 }, { from: known.from, to: Math.min(known.to, 32_767) })
}

/** @param {string} code @param {number} spaces */
function indent(code, spaces) {
  return code.replaceAll(/^(?=.)/gm, ' '.repeat(spaces))
}
