/** docs/cli.md: every command, made from its tables. */
import { commands } from '../../src/cli/commands.ts'
import { connectionOptions } from '../../src/cli/connection/connection-options.ts'
import type { CommandSpec, OptionTable } from '../../src/cli/shell/command.ts'
import { argumentText, signature } from '../../src/cli/shell/parser.ts'
import { type CommandTree, leavesOf } from '../../src/cli/shell/tree.ts'

/** Its options are the settings of a server, which have a page of their own. */
const elsewhere = 'serve'

export async function commandLinePage(): Promise<string> {
  const leaves = (await leavesOf(commands)).filter(({ path: [first] }) => first !== elsewhere)
  return [
    '# Commands\n',
    'Every command of `kafka-do`, made from the tables that its parser, `--help` and completion are made from; `npm run generate:cli` makes it anew. The guide is [guide/command-line.md](guide/command-line.md); `kafka-do serve` has its options in [configuration.md](configuration.md).\n',
    ...contents(commands),
    '\n## Connection\n',
    'Commands with **connection** below take these, too.\n',
    optionList(connectionOptions),
    ...leaves.map(commandText),
  ].join('\n')
}

function contents(tree: CommandTree, above: readonly string[] = []): string[] {
  return Object.entries(tree).flatMap(([word, node]) => {
    const path = [...above, word]
    if ('commands' in node) return contents(node.commands, path)
    const name = `kafka-do ${path.join(' ')}`
    const link = word === elsewhere ? 'configuration.md' : `#${name.replaceAll(' ', '-')}`
    return [`- [\`${name}\`](${link}): ${node.summary}`]
  })
}

function commandText({
  path,
  summary,
  spec,
}: {
  readonly path: readonly string[]
  readonly summary: string
  readonly spec: CommandSpec
}): string {
  const name = `kafka-do ${path.join(' ')}`
  const args = Object.entries(spec.args)
  const words = [name, '[options]', ...args.map(([one, { kind }]) => argumentText(one, kind))]
  const takes = [
    ...(spec.connects ? ['[connection](#connection)'] : []),
    ...(spec.formats.length > 0 ? [`\`-o ${spec.formats.join('|')}\``] : []),
  ]
  return [
    `\n## ${name}\n`,
    `${capital(summary)}.\n`,
    `\`\`\`text\n${words.join(' ')}\n\`\`\`\n`,
    ...(args.length > 0
      ? [`${args.map(([one, { doc }]) => `- \`${one}\`: ${doc}`).join('\n')}\n`]
      : []),
    ...(Object.keys(spec.options).length > 0 ? [`${optionList(spec.options)}`] : []),
    ...(takes.length > 0 ? [`Also: ${takes.join(', ')}.\n`] : []),
    ...(spec.more === undefined ? [] : [`${spec.more}\n`]),
    `\`\`\`text\n${spec.examples.join('\n')}\n\`\`\``,
  ].join('\n')
}

function optionList(options: OptionTable): string {
  const lines = Object.entries(options).map(([attribute, option]) => {
    const otherwise = option.byDefault === undefined ? '' : `. Default: ${option.byDefault}`
    return `- \`${signature(attribute, option)}\`: ${option.doc}${otherwise}`
  })
  return `${lines.join('\n')}\n`
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
