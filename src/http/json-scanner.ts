/**
 * JSON (RFC 8259) gone through as bytes, without making values of it: where an entry begins and ends, and where a mistake is.
 * So a user's JSON, with whatever numbers it holds, is stored and shown as it was written.
 */
import * as buffer from 'node:buffer'
import { decodeUtf8 } from '../core/bytes.ts'
import { HttpError } from './problem.ts'

const tab = 9
const newline = 10
const carriageReturn = 13
const space = 32
const quote = 34
const comma = 44
const minus = 45
const dot = 46
const zero = 48
const nine = 57
const colon = 58
const openBracket = 91
const backslash = 92
const closeBracket = 93
const openBrace = 123
const closeBrace = 125

/** Longer names are not remembered. */
const nameBytesMax = 32

export class JsonScanner {
  readonly bytes: Uint8Array
  readonly #maxDepth: number
  #depth = 0
  at: number
  readonly #end: number
  /** The newest name that begins with a byte, in its quotes. */
  readonly #names = new Map<number, { readonly bytes: Uint8Array; readonly text: string }>()

  constructor(bytes: Uint8Array, maxDepth: number, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.#maxDepth = maxDepth
    this.at = start
    this.#end = end
  }

  /** Checks one value and all that may come after it: nothing but white space. Throws `HttpError` 400. */
  checkWhole(): void {
    this.skipValue()
    this.skipSpace()
    if (this.at < this.#end) throw this.mistake('there is something after the end')
  }

  /** Throws `HttpError` for what comes after the value. */
  expectEnd(): void {
    this.skipSpace()
    if (this.at < this.#end) throw this.mistake('there is something after the end')
  }

  /** Calls `onEntry` at the value of each entry; it must go past it. False: what is here is no object. */
  object(onEntry: (name: string) => void): boolean {
    this.skipSpace()
    if (this.bytes[this.at] !== openBrace) return false
    this.#enter()
    this.skipSpace()
    if (this.#take(closeBrace)) return this.#leave()
    for (;;) {
      this.skipSpace()
      if (this.bytes[this.at] !== quote) throw this.mistake('a name in quotes is expected')
      const name = this.#name()
      this.skipSpace()
      if (!this.#take(colon)) throw this.mistake("':' is expected")
      this.skipSpace()
      onEntry(name)
      this.skipSpace()
      if (this.#take(comma)) continue
      if (this.#take(closeBrace)) return this.#leave()
      throw this.mistake("',' or '}' is expected")
    }
  }

  /** Calls `onEntry` at each entry; it must go past it. False: what is here is no array. */
  array(onEntry: (index: number) => void): boolean {
    this.skipSpace()
    if (this.bytes[this.at] !== openBracket) return false
    this.#enter()
    this.skipSpace()
    if (this.#take(closeBracket)) return this.#leave()
    for (let index = 0; ; index++) {
      this.skipSpace()
      onEntry(index)
      this.skipSpace()
      if (this.#take(comma)) continue
      if (this.#take(closeBracket)) return this.#leave()
      throw this.mistake("',' or ']' is expected")
    }
  }

  /** The string that is here. Throws when there is none. */
  string(): string {
    if (this.bytes[this.at] !== quote) throw this.mistake('a string is expected')
    const start = this.at
    const isPlain = this.#skipString()
    if (isPlain) return decodeUtf8(this.bytes, start + 1, this.at - 1)
    return JSON.parse(decodeUtf8(this.bytes, start, this.at)) as string
  }

  /** The bytes of the value that is here, as they were written. */
  raw(): Uint8Array {
    this.skipSpace()
    const start = this.at
    this.skipValue()
    return this.bytes.subarray(start, this.at)
  }

  /** Goes past `null`, if it is here. */
  takeNull(): boolean {
    if (this.bytes[this.at] !== 110) return false
    this.#word('null')
    return true
  }

  get isAtString(): boolean {
    return this.bytes[this.at] === quote
  }

  skipSpace(): void {
    const { bytes } = this
    for (;;) {
      const byte = bytes[this.at]
      if (byte === space || byte === newline || byte === carriageReturn || byte === tab) this.at++
      else return
    }
  }

  skipValue(): void {
    this.skipSpace()
    const byte = this.at < this.#end ? this.bytes[this.at] : undefined
    if (byte === quote) this.#skipString()
    else if (byte === openBrace) this.#skipObject()
    else if (byte === openBracket) this.array(this.#skip)
    else if (byte === minus || (byte !== undefined && byte >= zero && byte <= nine)) this.#number()
    else if (byte === 116) this.#word('true')
    else if (byte === 102) this.#word('false')
    else if (byte === 110) this.#word('null')
    else throw this.mistake('a value is expected')
  }

  /** As `object`, without making texts of the names. */
  #skipObject(): void {
    this.#enter()
    this.skipSpace()
    if (this.#take(closeBrace)) {
      this.#leave()
      return
    }
    for (;;) {
      this.skipSpace()
      if (this.bytes[this.at] !== quote) throw this.mistake('a name in quotes is expected')
      this.#skipString()
      this.skipSpace()
      if (!this.#take(colon)) throw this.mistake("':' is expected")
      this.skipValue()
      this.skipSpace()
      if (this.#take(comma)) continue
      if (!this.#take(closeBrace)) throw this.mistake("',' or '}' is expected")
      this.#leave()
      return
    }
  }

  readonly #skip = () => this.skipValue()

  /** The string that is here. The records of a batch have the same names again and again. */
  #name(): string {
    const start = this.at
    const known = this.#names.get(this.bytes[start + 1]!)
    if (known && this.#isHere(known.bytes, start)) {
      this.at = start + known.bytes.length
      return known.text
    }
    const text = this.string()
    if (this.at - start <= nameBytesMax) {
      const bytes = this.bytes.subarray(start, this.at)
      this.#names.set(this.bytes[start + 1]!, { bytes, text })
    }
    return text
  }

  #isHere(expected: Uint8Array, start: number): boolean {
    if (start + expected.length > this.#end) return false
    for (let i = 0; i < expected.length; i++)
      if (this.bytes[start + i] !== expected[i]) return false
    return true
  }

  /** What is wrong here, with line and column. */
  mistake(what: string): HttpError {
    let line = 1
    let lineStart = 0
    const end = Math.min(this.at, this.#end)
    for (let i = 0; i < end; i++) {
      if (this.bytes[i] !== newline) continue
      line++
      lineStart = i + 1
    }
    const column = decodeUtf8(this.bytes, lineStart, end).length + 1
    const found = end >= this.#end ? ', but it ends' : ''
    return new HttpError(
      400,
      `The JSON is broken at line ${line}, column ${column}: ${what}${found}`,
      {
        code: 'INVALID_JSON',
        more: { line, column, position: end },
      },
    )
  }

  #enter(): void {
    if (++this.#depth > this.#maxDepth) {
      throw this.mistake(`it is nested deeper than ${this.#maxDepth} levels`)
    }
    this.at++
  }

  #leave(): true {
    this.#depth--
    return true
  }

  #take(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false
    this.at++
    return true
  }

  /** True: it holds no escapes. */
  #skipString(): boolean {
    const { bytes } = this
    let isPlain = true
    let at = this.at + 1
    for (;;) {
      const byte = bytes[at]
      if (byte === undefined || at >= this.#end) {
        this.at = at
        throw this.mistake('a string has no end')
      }
      if (byte === quote) {
        this.at = at + 1
        return isPlain
      }
      if (byte < space) {
        this.at = at
        throw this.mistake('a string holds a control character; write it as an escape')
      }
      if (byte === backslash) {
        isPlain = false
        at = this.#escape(at)
      } else at++
    }
  }

  #escape(at: number): number {
    const escaped = this.bytes[at + 1]
    if (escaped === 117) {
      for (let i = at + 2; i < at + 6; i++) {
        if (isHexDigit(this.bytes[i])) continue
        this.at = i
        throw this.mistake('\\u needs four hexadecimal digits')
      }
      return at + 6
    }
    if (escaped !== undefined && '"\\/bfnrt'.includes(String.fromCharCode(escaped))) return at + 2
    this.at = at
    throw this.mistake('there is no such escape')
  }

  #number(): void {
    this.#take(minus)
    if (!this.#take(zero) && this.#digits() === 0) throw this.mistake('a digit is expected')
    if (this.#take(dot) && this.#digits() === 0) throw this.mistake('a digit is expected')
    const byte = this.bytes[this.at]
    if (byte !== 101 && byte !== 69) return
    this.at++
    if (this.bytes[this.at] === 43 || this.bytes[this.at] === minus) this.at++
    if (this.#digits() === 0) throw this.mistake('a digit is expected')
  }

  #digits(): number {
    const start = this.at
    for (;;) {
      const byte = this.bytes[this.at]
      if (byte === undefined || byte < zero || byte > nine) return this.at - start
      this.at++
    }
  }

  #word(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.at + i] !== word.charCodeAt(i)) throw this.mistake('a value is expected')
    }
    this.at += word.length
  }
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 70) || (byte >= 97 && byte <= 102)
}

/** The value of a small body, checked before it is made. Throws `HttpError` 400 with the place of a mistake. */
export function parseJson(bytes: Uint8Array, maxDepth: number): unknown {
  checkUtf8(bytes)
  new JsonScanner(bytes, maxDepth).checkWhole()
  return JSON.parse(decodeUtf8(bytes)) as unknown
}

/** Whether these bytes are one JSON value, no deeper than that. */
export function isJson(bytes: Uint8Array, maxDepth: number): boolean {
  const first = bytes[0]
  // Most of what is no JSON shows it at once.
  if (
    first === undefined ||
    !('{["-tfn \t\r\n'.includes(String.fromCharCode(first)) || (first >= zero && first <= nine))
  )
    return false
  try {
    new JsonScanner(bytes, maxDepth).checkWhole()
    return true
  } catch {
    return false
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function isUtf8(bytes: Uint8Array): boolean {
  // Makes no text, where the platform has it.
  if (buffer.isUtf8) return buffer.isUtf8(bytes)
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Throws `HttpError` 400 for a body that is not UTF-8. */
export function checkUtf8(bytes: Uint8Array): void {
  if (isUtf8(bytes)) return
  throw new HttpError(400, 'The body is not UTF-8, which JSON is', { code: 'INVALID_JSON' })
}
