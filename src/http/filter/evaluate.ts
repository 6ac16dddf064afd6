/**
 * Whether a record fits a filter. Nothing it does depends on more than the record, and it never throws:
 *
 *   - what is not there is null, and so is a tombstone;
 *   - numbers are compared as they are written, with all their digits; `<` and the like hold between two numbers or two texts;
 *   - values of different kinds are unequal, and none is less than the other;
 *   - a value that is no JSON is a text; `text` is any value as a text.
 */
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import { nameFilter } from '../../core/name-filter.ts'
import { jsonDepthMax, valueAt } from '../json-pointer.ts'
import { isJson, JsonScanner } from '../json-scanner.ts'
import type { FilteredRecord } from './filtered-record.ts'
import type { Comparison, Expression, Field, FunctionName } from './syntax.ts'

type Scalar = null | boolean | bigint | number | string
type Value = Scalar | Composite | readonly Value[]

/** An object or an array, as it is written. */
interface Composite {
  readonly json: string
}

/** Makes a function of an expression. */
export function compileFilter(expression: Expression): (record: FilteredRecord) => boolean {
  const evaluate = compiled(expression)
  return (record) => evaluate(new Looked(record)) === true
}

type Evaluate = (record: Looked) => Value

/** A record that is looked at; what takes time is done once. */
class Looked {
  readonly record: FilteredRecord
  #isJson: boolean | undefined

  constructor(record: FilteredRecord) {
    this.record = record
  }

  get isJson(): boolean {
    const { value } = this.record
    this.#isJson ??= value !== null && isJson(value, jsonDepthMax)
    return this.#isJson
  }

  get(field: Field, path: readonly string[]): Value {
    const { record } = this
    switch (field) {
      case 'key':
        return within(record.key, path)
      case 'value':
        if (record.value === null) return null
        if (this.isJson) return jsonAt(record.value, path)
        return path.length > 0 ? null : decodeUtf8(record.value)
      case 'text':
        return record.value === null ? null : decodeUtf8(record.value)
      case 'headers':
        return path.length > 0
          ? (record.headers[path[0]!] ?? null)
          : { json: JSON.stringify(record.headers) }
      case 'topic':
        return record.topic
      case 'partition':
        return BigInt(record.partition)
      case 'offset':
        return record.offset
      default:
        return Number.isInteger(record.timestampMs) ? BigInt(record.timestampMs) : null
    }
  }
}

/** A key is a text, also where it looks like a number; with a path it is JSON. */
function within(key: Uint8Array | null, path: readonly string[]): Value {
  if (key === null) return null
  if (path.length === 0) return decodeUtf8(key)
  return isJson(key, jsonDepthMax) ? jsonAt(key, path) : null
}

function jsonAt(json: Uint8Array, path: readonly string[]): Value {
  const found = valueAt(json, path)
  return found === undefined ? null : scalarOf(decodeUtf8(found).trim())
}

function scalarOf(json: string): Value {
  switch (json[0]) {
    case '"':
      return JSON.parse(json) as string
    case '{':
    case '[':
      return { json }
    case 't':
      return true
    case 'f':
      return false
    case 'n':
      return null
    default:
      return /^-?\d{1,1000}$/.test(json) ? BigInt(json) : Number(json)
  }
}

function compiled(expression: Expression): Evaluate {
  switch (expression.kind) {
    case 'literal':
      return () => expression.value
    case 'list': {
      const items = expression.items.map(compiled)
      return (record) => items.map((item) => item(record))
    }
    case 'field':
      return (record) => record.get(expression.field, expression.path)
    case 'not': {
      const of = compiled(expression.of)
      return (record) => of(record) !== true
    }
    case 'and': {
      const parts = expression.parts.map(compiled)
      return (record) => parts.every((part) => part(record) === true)
    }
    case 'or': {
      const parts = expression.parts.map(compiled)
      return (record) => parts.some((part) => part(record) === true)
    }
    case 'compare': {
      const left = compiled(expression.left)
      const right = compiled(expression.right)
      return (record) => compare(expression.by, left(record), right(record))
    }
    default:
      return call(expression.name, expression.args.map(compiled))
  }
}

function compare(by: Comparison, left: Value, right: Value): boolean {
  switch (by) {
    case '==':
      return areEqual(left, right)
    case '!=':
      return !areEqual(left, right)
    case 'in':
      return itemsOf(right).some((item) => areEqual(left, item))
    default: {
      const isOrdered =
        (isNumber(left) && isNumber(right)) ||
        (typeof left === 'string' && typeof right === 'string')
      if (!isOrdered) return false
      if (by === '<') return left < right
      if (by === '<=') return left <= right
      return by === '>' ? left > right : left >= right
    }
  }
}

function isNumber(value: Value): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number'
}

function areEqual(left: Value, right: Value): boolean {
  // A bigint and a number are compared by what they are, without rounding one.
  if (isNumber(left) && isNumber(right)) return left <= right && left >= right
  if (isList(left) && isList(right))
    return left.length === right.length && left.every((one, i) => areEqual(one, right[i]!))
  if (isComposite(left) && isComposite(right)) return left.json === right.json
  return left === right
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

function isComposite(value: Value): value is Composite {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function itemsOf(value: Value): readonly Value[] {
  if (isList(value)) return value
  if (!isComposite(value)) return []
  const items: Value[] = []
  const scanner = new JsonScanner(encodeUtf8(value.json), jsonDepthMax)
  const isArray = scanner.array(() => items.push(scalarOf(decodeUtf8(scanner.raw()))))
  if (!isArray) {
    scanner.object((name) => {
      items.push(name)
      scanner.skipValue()
    })
  }
  return items
}

function call(name: FunctionName, args: readonly Evaluate[]): Evaluate {
  const first = args[0]!
  const second = args[1]!
  const texts =
    (test: (text: string, other: string) => boolean): Evaluate =>
    (record) => {
      const text = first(record)
      const other = second(record)
      return typeof text === 'string' && typeof other === 'string' && test(text, other)
    }
  switch (name) {
    case 'contains': {
      const inText = texts((text, part) => text.includes(part))
      return (record) => {
        const whole = first(record)
        if (typeof whole === 'string') return inText(record)
        const part = second(record)
        return itemsOf(whole).some((item) => areEqual(item, part))
      }
    }
    case 'startsWith':
      return texts((text, part) => text.startsWith(part))
    case 'endsWith':
      return texts((text, part) => text.endsWith(part))
    case 'like':
      return texts((text, pattern) => nameFilter(pattern)(text))
    case 'lower':
      return (record) => {
        const text = first(record)
        return typeof text === 'string' ? text.toLowerCase() : text
      }
    case 'time':
      return (record) => {
        const text = first(record)
        const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN
        return Number.isInteger(ms) ? BigInt(ms) : null
      }
    case 'has':
      return (record) => first(record) !== null
    default:
      return (record) => {
        const value = first(record)
        if (typeof value === 'string') return BigInt(value.length)
        return isList(value) || isComposite(value) ? BigInt(itemsOf(value).length) : null
      }
  }
}
