/** What a word on a command line may become: commands, options, their values, names of topics, groups and contexts. */
import { commands } from '../commands.ts'
import type { ConnectionFlags } from '../connection/connection-options.ts'
import { Contexts } from '../connection/contexts.ts'
import { openClient } from '../connection/open-client.ts'
import {
  type Completes,
  flagOf,
  type OptionSpec,
  type OptionTable,
  shownFlagOf,
  takesValue,
} from '../shell/command.ts'
import type { Io } from '../shell/io.ts'
import { optionsOf } from '../shell/parser.ts'
import { type CommandTree, find } from '../shell/tree.ts'

export interface Candidate {
  readonly word: string
  /** What it is, for shells that show it. */
  readonly about: string
}

export interface Completion {
  readonly candidates: readonly Candidate[]
  /** The shell knows better: names of files, or of folders. */
  readonly paths: 'file' | 'folder' | undefined
}

const none: Completion = { candidates: [], paths: undefined }
/** Nobody waits longer for a Tab. */
const timeoutMs = 1500

/** `before`: the whole words of the command line; `current`: what there is of the next. */
export async function complete(
  before: readonly string[],
  current: string,
  io: Io,
): Promise<Completion> {
  const { node, rest } = find(commands, before)
  if ('commands' in node) return rest.length > 0 ? none : ofCommands(node.commands, current)
  const spec = await node.load()
  const options = optionsOf(spec)
  const wanted = valueWanted(options, rest)
  if (wanted) return ofValue(wanted, current, { options, rest, io })
  const [, flag, begun] = /^--([a-z-]+)=(.*)$/s.exec(current) ?? []
  if (flag !== undefined) {
    const option = optionNamed(options, `--${flag}`)
    const found = option ? await ofValue(option, begun!, { options, rest, io }) : none
    const candidates = found.candidates.map((one) => ({ ...one, word: `--${flag}=${one.word}` }))
    return { ...found, candidates }
  }
  if (current.startsWith('-')) return startingWith(flagsIn(options), current)
  const position = positionalsIn(options, rest).length
  const args = Object.values(spec.args)
  const last = args.at(-1)
  const isRest = last?.kind === 'rest' || last?.kind === 'any'
  const argument = args[position] ?? (isRest ? last : undefined)
  return argument ? ofValue(argument, current, { options, rest, io }) : none
}

function ofCommands(tree: CommandTree, current: string): Completion {
  const all = Object.entries(tree).map(([word, { summary }]) => ({ word, about: summary }))
  return startingWith(all, current)
}

function startingWith(all: readonly Candidate[], current: string): Completion {
  return { candidates: all.filter(({ word }) => word.startsWith(current)), paths: undefined }
}

function flagsIn(options: OptionTable): Candidate[] {
  const own = Object.entries(options).map(([attribute, option]) => ({
    word: `--${shownFlagOf(attribute, option)}`,
    about: option.doc,
  }))
  return [...own, { word: '--help', about: 'show what it does, and all options' }]
}

function optionNamed(options: OptionTable, word: string): OptionSpec | undefined {
  const entry = Object.entries(options).find(
    ([attribute, { short }]) =>
      word === `--${flagOf(attribute)}` || (short && word === `-${short}`),
  )
  return entry?.[1]
}

/** The option whose value comes next. */
function valueWanted(options: OptionTable, rest: readonly string[]): OptionSpec | undefined {
  const last = rest.at(-1)
  const option = last?.startsWith('-') ? optionNamed(options, last) : undefined
  return option && takesValue(option) ? option : undefined
}

function positionalsIn(options: OptionTable, rest: readonly string[]): string[] {
  const found: string[] = []
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!
    if (!word.startsWith('-') || word === '-') found.push(word)
    else if (valueWanted(options, [word])) i++
  }
  return found
}

interface Around {
  readonly options: OptionTable
  readonly rest: readonly string[]
  readonly io: Io
}

async function ofValue(
  {
    choices,
    completes,
  }: {
    readonly choices?: readonly string[] | undefined
    readonly completes?: Completes | undefined
  },
  current: string,
  around: Around,
): Promise<Completion> {
  if (choices)
    return startingWith(
      choices.map((word) => ({ word, about: '' })),
      current,
    )
  if (completes === 'file' || completes === 'folder') return { candidates: [], paths: completes }
  if (completes === undefined) return none
  const names = await namesOf(completes, around).catch((): string[] => [])
  return startingWith(
    names.map((word) => ({ word, about: completes })),
    current,
  )
}

async function namesOf(
  kind: 'topic' | 'group' | 'context',
  { options, rest, io }: Around,
): Promise<string[]> {
  if (kind === 'context') return Contexts.read(io.environment).names
  const flags = { ...connectionGiven(options, rest), timeout: timeoutMs }
  await using client = await openClient(flags as Partial<ConnectionFlags>, io)
  if (kind === 'topic') return (await client.admin.listTopics()).map(({ name }) => name)
  return (await client.admin.listGroups()).map(({ group }) => group)
}

/** What the words before say about the connection. */
function connectionGiven(options: OptionTable, rest: readonly string[]): object {
  const given: { [attribute: string]: unknown } = {}
  for (const [attribute, option] of Object.entries(options)) {
    if (option.section !== 'Connection:' || option.kind !== 'value') continue
    const flag = `--${flagOf(attribute)}`
    const at = rest.lastIndexOf(flag)
    const value =
      at >= 0
        ? rest[at + 1]
        : rest.find((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1)
    if (value !== undefined) given[attribute] = option.read([value])
  }
  return given
}
