/**
 * What an option of a config is: its type, default and check, and what is told of it. `options.ts`
 * makes them; `option-text.ts` puts them into words.
 */

/** What a program knows of an option besides its type. */
export interface OptionFacts {
  /** Kafka's own name for it. Ours is that name in camelCase, less the unit of time, unless its docs say why not. */
  readonly kafka?: string | undefined
  /** `KAFKA_DO_…` stands in for it in every program, not only in `kafka-do serve`. */
  readonly inEnvironment?: boolean | undefined
}

/**
 * What is told of an option. The docs of a table are an object of their own, with the same keys, so
 * that only what shows them carries them along: the generator of the documents, and `--help`.
 */
export interface OptionDoc {
  /**
   * What it does, in one or two plain sentences. Range and default are added from the check, so
   * that they cannot be wrong.
   */
  readonly doc: string
  /** The default in words, where the value does not say it. */
  readonly byDefault?: string
  /** Why its name is not Kafka's. */
  readonly renamed?: string
  /** The heading of `kafka-do serve --help` under which it stands. */
  readonly section?: string
  /** What `--help` calls its value, when the type says too little, as `folder`. */
  readonly placeholder?: string
  /** Of the options within it. */
  readonly options?: Docs
}

export type Docs = { readonly [key: string]: OptionDoc }

/** The docs of an interface that users write: of all of its keys and no other. */
export type DocsOf<Input extends object> = { readonly [K in keyof Input]-?: OptionDoc }

/** What kind of value an option takes, as data. */
export type OptionType =
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'bytes'; readonly min: number; readonly max: number }
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | {
      readonly kind: 'duration'
      readonly min: number
      readonly max: number
      /** -1 is taken, too: without end. */
      readonly forever: boolean
    }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'choice'; readonly allowed: readonly (string | number)[] }
  | { readonly kind: 'text' }
  /** PEM; in a config file, a flag or the environment the name of a file with it. */
  | { readonly kind: 'pem' }
  | NestedOptions
  /** One or more of the same kind. */
  | { readonly kind: 'list'; readonly item: NestedOptions }
  /** Only code can give it. */
  | { readonly kind: 'function' }
  | { readonly kind: 'object'; readonly expected: string }

/** Options of its own, and the words that may stand for them. */
export interface NestedOptions {
  readonly kind: 'options'
  readonly table: AnyOptionTable
  /** What they have to do with each other: throws `ConfigError` with the names that `nameOf` gives. */
  readonly check: (given: never, nameOf: NameOf) => unknown
  readonly words: readonly string[]
}

/** One option: its default and a reader that returns the checked value or throws `ConfigError`. */
export interface Option<T> extends OptionFacts {
  readonly type: OptionType
  readonly fallback: T
  /** `name` is what the one who gave the value calls it: `ClientConfig.timeout`, `--port`. */
  read(value: unknown, name: string): T
}

export type OptionTable<T extends object> = { readonly [K in keyof T]-?: Option<T[K]> }

export type AnyOptionTable = { readonly [key: string]: Option<unknown> }

export type DocumentedOption = Option<unknown> & OptionDoc

export type DocumentedTable = { readonly [key: string]: DocumentedOption }

/** The table of an interface that users write: all of its keys and no other. */
export type OptionsOf<Input extends object> = { readonly [K in keyof Input]-?: Option<unknown> }

/** How an error calls an option, by its key: where the user gave it. */
export type NameOf = (key: string) => string
