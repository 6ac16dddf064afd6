/**
 * Options in words, for people: the range and the default of an option as its check has them. The
 * docstrings, docs/configuration.md and `--help` say the same because they all come from here.
 */
import type {
  AnyOptionTable,
  Docs,
  DocumentedOption,
  DocumentedTable,
  NestedOptions,
  OptionType,
} from './option.ts'

const noLimit = Number.MAX_SAFE_INTEGER

/** Each option with what is told of it, also of those within it. */
export function documented(table: AnyOptionTable, docs: Docs): DocumentedTable {
  return Object.fromEntries(
    Object.entries(table).map(([key, option]) => {
      const told = docs[key] ?? { doc: '' }
      return [key, { ...option, ...told, type: documentedType(option.type, told.options ?? {}) }]
    }),
  )
}

function documentedType(type: OptionType, docs: Docs): OptionType {
  const within = (options: NestedOptions) => ({
    ...options,
    table: documented(options.table, docs),
  })
  if (type.kind === 'options') return within(type)
  return type.kind === 'list' ? { ...type, item: within(type.item) } : type
}

/** The whole of it: what it does, the range, the default. What may be chosen from, the type says. */
export function describeOption(option: DocumentedOption): string {
  const range = option.type.kind === 'choice' ? undefined : rangeOf(option.type)
  const spelled = defaultOf(option)
  const byDefault = spelled && `default${option.byDefault === undefined ? '' : ':'} ${spelled}`
  const limits = [range, byDefault].filter((part) => part !== undefined).join('; ')
  return [option.doc, limits && `${capital(limits)}.`].filter(Boolean).join(' ')
}

/** What may be given, or undefined where the type says it all. */
export function rangeOf(type: OptionType): string | undefined {
  switch (type.kind) {
    case 'integer':
    case 'number':
      return between(type, 0, spellCount)
    case 'bytes':
      return between(type, 0, spellBytes)
    case 'duration':
      if (type.forever) return `${between(type, 0, spellDuration)}, or -1 for no limit`
      return between(type, 1, spellDuration)
    case 'choice':
      return alternatives(type.allowed.map((value) => `\`${literal(value)}\``))
    default:
      return undefined
  }
}

/** The default as it is shown, or undefined where there is none. */
export function defaultOf({ type, fallback, byDefault }: DocumentedOption): string | undefined {
  if (byDefault !== undefined) return byDefault
  const spelled = spellValue(type, fallback)
  return typeof fallback === 'string' ? `\`${literal(spelled)}\`` : spelled
}

/** A value that was read, as a user may have written it; undefined where it cannot be written. */
export function spellValue(type: OptionType, value: unknown): string | undefined {
  if (typeof value === 'number') {
    if (type.kind === 'bytes') return spellBytes(value)
    if (type.kind === 'duration' && value >= 0) return spellDuration(value)
    return spellCount(value)
  }
  if (type.kind === 'list' && value !== undefined) return JSON.stringify(value)
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined
}

export function typeName(type: OptionType): string {
  switch (type.kind) {
    case 'integer':
      return 'whole number'
    case 'bytes':
      return 'bytes'
    case 'boolean':
      return 'true or false'
    case 'choice':
      return 'one of'
    case 'pem':
      return 'PEM'
    case 'options':
      return [...type.words.map((word) => `\`${literal(word)}\``), 'object'].join(' or ')
    case 'list':
      return 'list of objects'
    default:
      return type.kind
  }
}

export function spellDuration(ms: number): string {
  const units = [
    [86_400_000, 'day', 'days'],
    [3_600_000, 'h', 'h'],
    [60_000, 'min', 'min'],
    [1000, 's', 's'],
  ] as const
  for (const [unit, one, many] of units) {
    // 48 h is two days, but 60 s is a minute nobody minds; so each unit from 1 of it on.
    if (ms > 0 && ms % unit === 0) return `${spellCount(ms / unit)} ${ms === unit ? one : many}`
  }
  return ms === 0 ? '0' : `${spellCount(ms)} ms`
}

export function spellBytes(bytes: number): string {
  const units = [
    [1024 ** 3, 'GiB'],
    [1024 ** 2, 'MiB'],
    [1024, 'KiB'],
  ] as const
  for (const [unit, name] of units) {
    if (bytes > 0 && bytes % unit === 0) return `${spellCount(bytes / unit)} ${name}`
  }
  return bytes <= 0 ? String(bytes) : `${spellCount(bytes)} ${bytes === 1 ? 'byte' : 'bytes'}`
}

/** Numbers of five digits and more in groups of three. */
export function spellCount(value: number): string {
  if (Math.abs(value) < 10_000) return String(value)
  return String(value).replaceAll(/(?<=\d)(?=(?:\d{3})+$)/g, ',')
}

/** A lower limit under `from` goes without saying. */
function between(
  { min, max }: { readonly min: number; readonly max: number },
  from: number,
  spell: (value: number) => string,
): string | undefined {
  if (max === noLimit) return min < from ? undefined : `${spell(min)} or more`
  return min < from ? `at most ${spell(max)}` : `${spell(min)} to ${spell(max)}`
}

function alternatives(words: readonly string[]): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}
