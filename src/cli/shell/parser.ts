/** The parser and the help of a command, made from its tables. */
import { Command, Option } from 'commander'
import { connectionOptions } from '../connection/connection-options.ts'
import {
  type ArgumentSpec,
  type CommandSpec,
  flagOf,
  type OptionSpec,
  type OptionTable,
  shownFlagOf,
  takesValue,
  valueOption,
} from './command.ts'
import { UsageError } from './command-error.ts'
import { exitCodeHelp } from './exit-code.ts'
import type { Terminal } from './io.ts'
import type { OutputFormat } from './output.ts'
import { oneOf } from './readers.ts'
import type { CommandTree } from './tree.ts'

export interface Parsed {
  readonly args: { readonly [name: string]: unknown }
  readonly flags: { readonly [attribute: string]: unknown }
}

export interface About {
  readonly name: string
  readonly summary: string
}

/** Where help is written: a terminal, or a stream that has no width. */
export type HelpTo = Terminal & { write(text: string): unknown }

const helpWidthMax = 100

export function widthOf({ columns }: Terminal): number {
  return Math.min(helpWidthMax, columns ?? helpWidthMax)
}

const byDefault = (text: string | undefined) => (text === undefined ? '' : ` (default: ${text})`)

/** Its own options, then the output's, then the connection's. */
export function optionsOf(spec: CommandSpec): OptionTable {
  return {
    ...spec.options,
    ...(spec.formats.length > 0 && { output: outputOption(spec.formats) }),
    ...(spec.connects && connectionOptions),
  }
}

function outputOption(formats: readonly OutputFormat[]): OptionSpec<OutputFormat | undefined> {
  return valueOption({
    short: 'o',
    placeholder: formats.join('|'),
    doc: 'output format',
    byDefault: formats[0]!,
    choices: formats,
    read: oneOf(formats),
  })
}

/** Throws `CommanderError` for what is no such command line, and once the help was shown. */
export function parse(
  spec: CommandSpec,
  about: About,
  words: readonly string[],
  helpTo: HelpTo,
): Parsed {
  const command = parserOf(spec, about, helpTo).configureOutput({
    writeOut: (text) => void helpTo.write(text),
    writeErr: () => undefined,
  })
  command.parse([...words], { from: 'user' })
  const raw = command.opts<{ [attribute: string]: readonly string[] | boolean | undefined }>()
  const flags = Object.fromEntries(
    Object.entries(optionsOf(spec)).map(([attribute, option]) => {
      try {
        return [attribute, option.read(raw[attribute])]
      } catch (error) {
        if (error instanceof UsageError) throw error
        throw new UsageError(`--${flagOf(attribute)}: ${(error as Error).message}`)
      }
    }),
  )
  const args = Object.fromEntries(
    Object.keys(spec.args).map((name, i) => [name, command.processedArgs[i] as unknown]),
  )
  for (const [name, { choices }] of Object.entries(spec.args)) {
    const given = args[name]
    if (choices && typeof given === 'string' && !choices.includes(given))
      throw new UsageError(`${name} is one of ${choices.join(', ')}; got '${given}'`)
  }
  return { args, flags }
}

function parserOf(spec: CommandSpec, { name, summary }: About, helpTo: HelpTo): Command {
  const helpWidth = widthOf(helpTo)
  const command = new Command(`kafka-do ${name}`)
    .description(summary)
    .helpOption('-h, --help', 'show this')
    .exitOverride()
    .configureHelp({ helpWidth, minWidthToWrap: 20 })
  for (const [argument, { kind, doc }] of Object.entries(spec.args)) {
    const shown = argumentText(argument, kind)
    command.argument(shown, doc)
  }
  for (const [attribute, option] of Object.entries(optionsOf(spec)))
    for (const one of parserOptions(attribute, option)) command.addOption(one)
  return command.addHelpText('after', afterText(spec, helpWidth))
}

/** `<topic>`, `[file...]` */
export function argumentText(name: string, kind: ArgumentSpec['kind']): string {
  switch (kind) {
    case 'required':
      return `<${name}>`
    case 'optional':
      return `[${name}]`
    case 'rest':
      return `<${name}...>`
    default:
      return `[${name}...]`
  }
}

function parserOptions(attribute: string, option: OptionSpec): Option[] {
  const make = (text: string) => {
    const made = new Option(text, option.doc + byDefault(option.byDefault))
    return option.section === undefined ? made : made.helpGroup(option.section)
  }
  if (option.kind === 'toggle') {
    const flag = flagOf(attribute)
    const isOn = option.isOn === true
    return [make(`--${flag}`).hideHelp(isOn), make(`--no-${flag}`).hideHelp(!isOn)]
  }
  const made = make(signature(attribute, option))
  if (option.kind === 'switch') return [made]
  return [
    made.argParser((value, previous: readonly string[] | undefined) => [
      ...(previous ?? []),
      value,
    ]),
  ]
}

/** `-o, --output <format>` */
export function signature(attribute: string, option: OptionSpec): string {
  const { short, placeholder } = option
  const long = `--${shownFlagOf(attribute, option)}`
  const names = short === undefined ? long : `-${short}, ${long}`
  return takesValue(option) ? `${names} <${placeholder}>` : names
}

function afterText({ more, examples }: CommandSpec, width: number): string {
  const shown = examples.map((line) => `  $ ${line}`).join('\n')
  const paragraphs = [...(more?.split('\n\n') ?? []), exitCodeHelp]
  return `\n${paragraphs.map((one) => `${folded(one, width)}\n\n`).join('')}Examples:\n${shown}`
}

/** Lines no longer than `width`, where words are not. */
function folded(paragraph: string, width: number): string {
  const lines = ['']
  for (const word of paragraph.split(/\s+/)) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join('\n')
}

/** The help of all commands, or of a group of them. */
export function helpOf(
  path: readonly string[],
  summary: string,
  commands: CommandTree,
  { more, width }: { readonly more: string; readonly width: number },
): string {
  const command = new Command(['kafka-do', ...path].join(' '))
    .description(summary)
    .usage('<command> [options]')
    .helpOption('-h, --help', 'show this')
    .helpCommand(false)
    .configureHelp({ helpWidth: width, minWidthToWrap: 20 })
  if (path.length === 0) command.version('', '-V, --version', 'show the version')
  for (const [word, node] of Object.entries(commands)) {
    const words = [word, ...(node.aliases ?? [])].join('|')
    command.addCommand(
      new Command(words).description(node.summary).usage('').helpOption(false).helpCommand(false),
    )
  }
  return `${command.helpInformation()}${more}`
}
