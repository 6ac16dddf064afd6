/**
 * JSON as it is written: numbers of 64 bits are not rounded, repeated names are kept. The browser's own parser makes a double
 * of every number, so what a record holds is walked here.
 */

export type JsonNode =
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, JsonNode])[] }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly value: string }
  /** As it is written. */
  | { readonly kind: 'number' | 'word'; readonly text: string }

/** Throws `SyntaxError`. */
export function parseJson(text: string): JsonNode {
  const reader = new Reader(text)
  const node = reader.value()
  reader.end()
  return node
}

/** The entries of an object as the texts they are written with. Throws `SyntaxError`. */
export function entriesOf(text: string): Map<string, string> {
  return new Reader(text).texts()
}

/** The items of an array as the texts they are written with. Throws `SyntaxError`. */
export function itemsOf(text: string): string[] {
  return new Reader(text).itemTexts()
}

const depthMax = 1000

class Reader {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  value(): JsonNode {
    const char = this.#next()
    if (char === '{') return { kind: 'object', entries: this.#entries(() => this.value()) }
    if (char === '[') return { kind: 'array', items: this.#items(() => this.value()) }
    if (char === '"') return { kind: 'string', value: JSON.parse(this.#string()) as string }
    const word = this.#word()
    return { kind: /^[-\d]/.test(word) ? 'number' : 'word', text: word }
  }

  texts(): Map<string, string> {
    this.#next()
    return new Map(this.#entries(() => this.#raw()))
  }

  itemTexts(): string[] {
    this.#next()
    return this.#items(() => this.#raw())
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) throw this.#wrong()
  }

  /** A value as it is written. */
  #raw(): string {
    const char = this.#next()
    const start = this.#at
    if (char === '"') this.#string()
    else if (char === '{' || char === '[') this.#skipNested()
    else this.#word()
    return this.#text.slice(start, this.#at)
  }

  /** To the end of an object or an array, without a look at what it holds. */
  #skipNested(): void {
    const text = this.#text
    let depth = 0
    for (;;) {
      const char = text[this.#at]
      if (char === undefined) throw this.#wrong()
      if (char === '"') {
        this.#string()
        continue
      }
      this.#at++
      if (char === '{' || char === '[') depth++
      else if ((char === '}' || char === ']') && --depth === 0) return
    }
  }

  #entries<T>(read: () => T): (readonly [string, T])[] {
    const entries: (readonly [string, T])[] = []
    this.#list('{', '}', () => {
      if (this.#next() !== '"') throw this.#wrong()
      const name = JSON.parse(this.#string()) as string
      this.#take(':')
      entries.push([name, read()])
    })
    return entries
  }

  #items<T>(read: () => T): T[] {
    const items: T[] = []
    this.#list('[', ']', () => items.push(read()))
    return items
  }

  #list(open: string, close: string, one: () => void): void {
    this.#take(open)
    if (++this.#depth > depthMax) throw this.#wrong()
    if (this.#next() === close) this.#at++
    else {
      for (;;) {
        one()
        const char = this.#next()
        this.#at++
        if (char === close) break
        if (char !== ',') throw this.#wrong()
      }
    }
    this.#depth--
  }

  /** With its quotes. */
  #string(): string {
    const start = this.#at
    let at = start
    do {
      at = this.#text.indexOf('"', at + 1)
      if (at < 0) throw this.#wrong()
    } while (this.#isEscaped(at))
    this.#at = at + 1
    return this.#text.slice(start, this.#at)
  }

  #isEscaped(at: number): boolean {
    let slashes = 0
    while (this.#text[at - 1 - slashes] === '\\') slashes++
    return slashes % 2 === 1
  }

  #word(): string {
    const start = this.#at
    while (/[-+.\w]/.test(this.#text[this.#at] ?? '')) this.#at++
    if (this.#at === start) throw this.#wrong()
    return this.#text.slice(start, this.#at)
  }

  #take(char: string): void {
    if (this.#next() !== char) throw this.#wrong()
    this.#at++
  }

  #next(): string {
    this.#space()
    return this.#text[this.#at] ?? ''
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  #wrong(): SyntaxError {
    return new SyntaxError(`This is no JSON, at character ${this.#at + 1}`)
  }
}
