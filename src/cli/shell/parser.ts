/** The parser and the help of a command, made from its tables. */
import { Command, Option } from 'commander'
import { connectionOptions } from '../connection/connection-options.ts'
import {
  type ArgumentSpec,
  type CommandSpec,
  flagOf,
  type OptionSpec,
  type OptionTable,
  valueOption,
} from './command.ts'
import { UsageError } from './command-error.ts'
import { exitCodeHelp } from './exit-code.ts'
import type { OutputFormat } from './output.ts'
import { oneOf } from './readers.ts'
import type { CommandTree } from './tree.ts'

export interface Parsed {
  readonly args: { readonly [name: string]: unknown }
  readonly flags: { readonly [attribute: string]: unknown }
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
    doc: 'how to print it',
    byDefault: formats[0]!,
    choices: formats,
    read: oneOf(formats),
  })
}

/** Throws `CommanderError` for what is no such command line, and once the help was shown. */
export function parse(
  spec: CommandSpec,
  about: { readonly name: string; readonly summary: string },
  words: readonly string[],
  writeHelp: (text: string) => void,
): Parsed {
  const command = parserOf(spec, about).configureOutput({
    writeOut: writeHelp,
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

function parserOf(
  spec: CommandSpec,
  { name, summary }: { readonly name: string; readonly summary: string },
): Command {
  const command = new Command(`kafka-do ${name}`)
    .description(summary)
    .helpOption('-h, --help', 'show this')
    .exitOverride()
    .configureHelp({ helpWidth: 100 })
  for (const [argument, { kind, doc }] of Object.entries(spec.args)) {
    const shown = argumentText(argument, kind)
    command.argument(shown, doc)
  }
  for (const [attribute, option] of Object.entries(optionsOf(spec)))
    command.addOption(parserOption(attribute, option))
  return command.addHelpText('after', afterText(spec))
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

function parserOption(attribute: string, option: OptionSpec): Option {
  const made = new Option(signature(attribute, option), option.doc + byDefault(option.byDefault))
  if (option.section !== undefined) made.helpGroup(option.section)
  if (option.kind === 'switch') return made
  return made.argParser((value, previous: readonly string[] | undefined) => [
    ...(previous ?? []),
    value,
  ])
}

/** `-o, --output <format>` */
export function signature(attribute: string, { short, kind, placeholder }: OptionSpec): string {
  const long = `--${flagOf(attribute)}`
  const names = short === undefined ? long : `-${short}, ${long}`
  return kind === 'switch' ? names : `${names} <${placeholder}>`
}

function afterText({ more, examples }: CommandSpec): string {
  const shown = examples.map((line) => `  $ ${line}`).join('\n')
  return `\n${more === undefined ? '' : `${more}\n\n`}${exitCodeHelp}\n\nExamples:\n${shown}`
}

/** The help of all commands, or of a group of them. */
export function helpOf(
  path: readonly string[],
  summary: string,
  commands: CommandTree,
  more: string,
): string {
  const command = new Command(['kafka-do', ...path].join(' '))
    .description(summary)
    .usage('<command> [options]')
    .helpOption('-h, --help', 'show this')
    .helpCommand(false)
    .configureHelp({ helpWidth: 100 })
  if (path.length === 0) command.version('', '-V, --version', 'show the version')
  for (const [word, node] of Object.entries(commands)) {
    const words = [word, ...(node.aliases ?? [])].join('|')
    command.addCommand(
      new Command(words).description(node.summary).usage('').helpOption(false).helpCommand(false),
    )
  }
  return `${command.helpInformation()}${more}`
}
