/**
 * What a command is: its arguments and options, as one table from which its parser, `--help`, completion and docs/cli.md are
 * made; and the function that runs it.
 */
import type { Client } from '../../entry/client.ts'
import type { Io, Terminal } from './io.ts'
import type { Output, OutputFormat } from './output.ts'
import type { Progress } from './progress.ts'

/** What a shell can complete a word with. */
export type Completes = 'topic' | 'group' | 'context' | 'file' | 'folder'

/** One option. `T` is what the command gets. */
export interface OptionSpec<T = unknown> {
  /** A toggle has a flag for each way: `--x` and `--no-x`. */
  readonly kind: 'switch' | 'toggle' | 'value' | 'list'
  /** One letter, without `-`. */
  readonly short?: string | undefined
  readonly placeholder?: string | undefined
  readonly doc: string
  /** The default in words; none when there is nothing to tell. */
  readonly byDefault?: string | undefined
  readonly choices?: readonly string[] | undefined
  readonly completes?: Completes | undefined
  /** Of a toggle: what it is when neither is given; shown is the flag that changes it. Default: false. */
  readonly isOn?: boolean | undefined
  /** A heading of `--help`. */
  readonly section?: string | undefined
  /** What was given as what the command gets; throws an `Error` that says what it takes. */
  readonly read: (given: readonly string[] | boolean | undefined) => T
}

export interface OptionTable {
  readonly [attribute: string]: OptionSpec
}

export interface ArgumentSpec<T = unknown> {
  readonly kind: 'required' | 'optional' | 'rest' | 'any'
  readonly doc: string
  readonly completes?: Completes | undefined
  readonly choices?: readonly string[] | undefined
  readonly type?: T
}

export interface ArgumentTable {
  readonly [name: string]: ArgumentSpec
}

export type FlagsOf<Table extends OptionTable> = {
  readonly [K in keyof Table]: Table[K] extends OptionSpec<infer T> ? T : never
}

export type ArgumentsOf<Table extends ArgumentTable> = {
  readonly [K in keyof Table]: Table[K] extends ArgumentSpec<infer T> ? T : never
}

/** What a command is run with. */
export interface Invocation<Args, Flags> {
  readonly args: Args
  readonly flags: Flags
  readonly io: Io
  readonly out: Output
  /** The words of the command: `topic ls`. */
  readonly name: string
  /** The client of the URL that is called for; closed when the command ends. `create`: a data folder may be made. */
  connect(options?: { readonly create?: boolean }): Promise<Client>
  /** Not while people see or type data at `beside`, if that is a terminal. */
  progress(what: string, beside?: Terminal): Progress
}

export interface CommandSpec {
  readonly args: ArgumentTable
  readonly options: OptionTable
  /** It opens a client, so it takes the options that say where. Default true. */
  readonly connects: boolean
  /** The formats of `-o`; the first is the default. None: it has no `-o`. */
  readonly formats: readonly OutputFormat[]
  /** Paragraphs of `--help` below the options. */
  readonly more: string | undefined
  /** Command lines, without `$`. */
  readonly examples: readonly string[]
  /** Resolves with an exit code other than 0, where it has something to say by it. */
  readonly run: (invocation: Invocation<never, never>) => Promise<number | undefined>
}

const allFormats: readonly OutputFormat[] = ['table', 'json', 'ndjson', 'tsv']

/** Makes a command of its tables; the types of what `run` gets come from them. */
export function defineCommand<A extends ArgumentTable, O extends OptionTable>(definition: {
  readonly args?: A
  readonly options?: O
  readonly connects?: boolean
  readonly formats?: readonly OutputFormat[]
  readonly more?: string
  readonly examples: readonly string[]
  readonly run: (
    invocation: Invocation<ArgumentsOf<A>, FlagsOf<O>>,
  ) => Promise<number | undefined> | Promise<void>
}): CommandSpec {
  const { args, options, connects = true, formats = allFormats, more, examples, run } = definition
  return {
    args: args ?? {},
    options: options ?? {},
    connects,
    formats,
    more,
    examples,
    run: run as CommandSpec['run'],
  }
}

type About = Omit<OptionSpec, 'kind' | 'read' | 'placeholder'>

interface Placeholder {
  readonly placeholder: string
}

interface Reader<T> {
  /** Throws an `Error` that says what it takes. */
  readonly read: (text: string) => T
}

interface Fallback {
  readonly fallback: string
}

const asIs = (text: string): unknown => text

/** `--execute` */
export function switchOption(about: Omit<About, 'choices'>): OptionSpec<boolean> {
  return { ...about, kind: 'switch', read: (given) => given === true }
}

/** `--http-console` and `--no-http-console`; undefined: neither is given. */
export function toggleOption(
  about: Omit<About, 'choices'> & { readonly isOn: boolean },
): OptionSpec<boolean | undefined> {
  const read = (given: unknown) => (typeof given === 'boolean' ? given : undefined)
  return { ...about, kind: 'toggle', read }
}

/** `--limit <number>`; of several that are given the last counts. */
export function valueOption(about: About & Placeholder): OptionSpec<string | undefined>
export function valueOption<T>(about: About & Placeholder & Reader<T>): OptionSpec<T | undefined>
export function valueOption(about: About & Placeholder & Partial<Reader<unknown>>): OptionSpec {
  const { read = asIs, ...rest } = about
  return {
    ...rest,
    kind: 'value',
    read: (given) => (Array.isArray(given) && given.length > 0 ? read(given.at(-1)!) : undefined),
  }
}

/** `valueOption` with a default, which is read as if it had been given. */
export function defaultedOption(about: About & Placeholder & Fallback): OptionSpec<string>
export function defaultedOption<T>(about: About & Placeholder & Fallback & Reader<T>): OptionSpec<T>
export function defaultedOption(
  about: About & Placeholder & Fallback & Partial<Reader<unknown>>,
): OptionSpec {
  const { fallback, read = asIs, ...rest } = about
  return {
    ...rest,
    byDefault: about.byDefault ?? fallback,
    kind: 'value',
    read: (given) => read(Array.isArray(given) && given.length > 0 ? given.at(-1)! : fallback),
  }
}

/** `--header a:b --header c:d` */
export function listOption(about: About & Placeholder): OptionSpec<readonly string[]>
export function listOption<T>(about: About & Placeholder & Reader<T>): OptionSpec<readonly T[]>
export function listOption(about: About & Placeholder & Partial<Reader<unknown>>): OptionSpec {
  const { read = asIs, ...rest } = about
  return {
    ...rest,
    kind: 'list',
    read: (given) => (Array.isArray(given) ? given.map((one: string) => read(one)) : []),
  }
}

type AboutArgument = Omit<ArgumentSpec, 'kind' | 'type'>

export function argument(about: AboutArgument): ArgumentSpec<string> {
  return { ...about, kind: 'required' }
}

export function optionalArgument(about: AboutArgument): ArgumentSpec<string | undefined> {
  return { ...about, kind: 'optional' }
}

/** All that are left; one or more. */
export function restArgument(about: AboutArgument): ArgumentSpec<readonly string[]> {
  return { ...about, kind: 'rest' }
}

/** All that are left, which may be none. */
export function anyArguments(about: AboutArgument): ArgumentSpec<readonly string[]> {
  return { ...about, kind: 'any' }
}

/** Whether the next word is its value. */
export function takesValue({ kind }: OptionSpec): boolean {
  return kind === 'value' || kind === 'list'
}

/** `resetOffsets` → `reset-offsets` */
export function flagOf(attribute: string): string {
  return attribute.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `reset-offsets` → `resetOffsets` */
export function attributeOf(flag: string): string {
  return flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** As it is shown, without `--`: of a toggle the flag that changes something. */
export function shownFlagOf(attribute: string, { kind, isOn }: OptionSpec): string {
  return kind === 'toggle' && isOn ? `no-${flagOf(attribute)}` : flagOf(attribute)
}
