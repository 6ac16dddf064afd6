/** docs/configuration.md: what is made from the tables, and around it what is written by hand. */
import { type Setting, serveSettings } from '../../src/cli/serve-options.ts'
import type { DocumentedOption, DocumentedTable } from '../../src/core/option.ts'
import { defaultOf, rangeOf, typeName } from '../../src/core/option-text.ts'
import { variableOf } from '../../src/core/options.ts'
import { type ConfigKind, configKinds, tablesWithin } from './kinds.ts'

export function configurationPage(): string {
  return `${[
    introduction,
    overview(),
    ...configKinds.flatMap(kindSections),
    serveIntroduction,
    serveTable(),
    environment(),
    differences,
    renamedOptions(),
  ].join('\n\n')}\n`
}

const introduction = `# Configuration

Made by \`npm run generate:config\` from the tables of options in the source, which also check what is
given and write the docstrings.

Configs are plain objects, checked when they are given: an unknown key or a wrong value is a
\`ConfigError\` that names it and says what is allowed. What is \`undefined\` counts as not given.
Durations are milliseconds or strings such as \`'500ms'\`, \`'30s'\`, \`'5m'\`, \`'1 hour'\`, \`'7d'\`; sizes
are numbers of bytes.`

const serveIntroduction = `## kafka-do serve

Each setting can be given by a flag, a variable of the environment or an entry of a config file
(\`kafka-do serve --config kafka-do.json\`, or \`KAFKA_DO_CONFIG\`). A flag counts for more than the
environment, that for more than the file, and that for more than the default. \`--print-config\` shows
every setting and where it comes from. An error names the source: \`KAFKA_DO_PORT must be …\`,
\`kafka-do.json: broker.retention must be …\`.

\`\`\`json
{
  "port": 9092,
  "tls": { "cert": "cert.pem", "key": "key.pem" },
  "broker": { "retention": "30d", "defaultPartitions": 3 },
  "logFormat": "json"
}
\`\`\`

Certificates and keys are names of PEM files. The file's own relative names (\`tls\`, \`data\`) are looked
for beside the config file; those of flags and variables in the working directory. A flag that
switches has both ways: \`--auto-create-topics\` and \`--no-auto-create-topics\`; its variable is \`true\` or
\`false\`. An empty variable counts as not given, and so does a \`KAFKA_DO_PORT=tcp://…\`, which Kubernetes
makes of a service called \`kafka-do\`.`

const differences = `## Choices that differ from Kafka's clients

| | here | there | why |
|---|---|---|---|
| \`offset\` of a new group | \`earliest\` | \`latest\` | events that were produced first are what one wants to see first |
| \`isolation\` | \`read_committed\` | \`read_uncommitted\` | nobody wants the records of aborted transactions |
| \`assignor\` | \`cooperative-sticky\` | \`range\` | a rebalance stops only what moves |
| automatic commit | of records that were handled | of records that were polled | nothing unprocessed is committed |
| \`linger\` | 0, with natural batching | 5 | no call waits for a delay nobody asked for |`

function overview(): string {
  const rows = configKinds.map(
    ({ name, where }) => `| [${name}](#${name.toLowerCase()}) | ${where} |`,
  )
  return ['| config | given to |', '|---|---|', ...rows].join('\n')
}

function kindSections({ name, where, table, like }: ConfigKind): string[] {
  const relative = configKinds.find((kind) => kind.name === like)
  const isOwn = (key: string) => relative?.table[key]?.doc !== table[key]!.doc
  const own = Object.fromEntries(Object.entries(table).filter(([key]) => isOwn(key)))
  // A broker's settings have a section of their own, wherever they are given.
  const within = tablesWithin(name, own).filter(([inner]) => !inner.endsWith('.broker'))
  return [
    `## ${name}`,
    `Given to ${where}.${relative === undefined ? '' : ` ${likeness(relative, table)}`}`,
    optionTable(own),
    ...within.flatMap(([inner, options]) => [`### ${inner}`, optionTable(options)]),
  ]
}

function likeness({ name, table: theirs }: ConfigKind, table: DocumentedTable): string {
  const without = Object.keys(theirs).filter((key) => !Object.hasOwn(table, key))
  const names = without.map((key) => `\`${key}\``).join(', ')
  return `It has the options of [${name}](#${name.toLowerCase()}), without ${names}; and of its own:`
}

function optionTable(table: DocumentedTable): string {
  const rows = Object.entries(table).map(([key, option]) =>
    row(`\`${key}\``, takes(option), defaultOf(option) ?? '', kafkaName(option), option.doc ?? ''),
  )
  return [
    row('option', 'takes', 'default', "Kafka's name", 'what it does'),
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function takes({ type }: DocumentedOption): string {
  if (type.kind === 'object') return type.expected
  const range = rangeOf(type)
  return range === undefined
    ? typeName(type)
    : `${typeName(type)}${type.kind === 'choice' ? '' : ':'} ${range}`
}

function kafkaName({ kafka }: DocumentedOption): string {
  return kafka === undefined ? '' : `\`${kafka}\``
}

function serveTable(): string {
  const rows = serveSettings.map((setting) => {
    const { entry, variable, option, isOnlyInFile } = setting
    return row(
      isOnlyInFile ? '' : `\`${flagOf(setting)}\``,
      isOnlyInFile ? '' : `\`${variable}\``,
      `\`${entry}\``,
      defaultOf(option) ?? '',
    )
  })
  return [row('flag', 'variable', 'entry', 'default'), '|---|---|---|---|', ...rows].join('\n')
}

function flagOf({ flag, option }: Setting): string {
  return option.type.kind === 'boolean' && option.fallback === true ? `--no-${flag}` : `--${flag}`
}

function environment(): string {
  const rows = configKinds.flatMap(({ name, table }) =>
    Object.entries(table)
      .filter(([, option]) => option.inEnvironment)
      .map(([key]) => row(`\`${variableOf(key)}\``, `\`${name}.${key}\``)),
  )
  return `## Environment of every program

| variable | stands in for |
|---|---|
${rows.join('\n')}

An option that is given in code counts for more. A \`KAFKA_DO_API_KEY\` that the URL's scheme has no use
for is not looked at; an \`apiKey\` that is given in code is refused there.`
}

function renamedOptions(): string {
  const seen = new Set<string>()
  const tables = configKinds.flatMap(({ name, table }) => [
    [name, table] as const,
    ...tablesWithin(name, table).filter(([inner]) => !inner.endsWith('.broker')),
  ])
  const rows = tables.flatMap(([name, table]) =>
    Object.entries(table).flatMap(([key, { kafka, renamed }]) => {
      if (renamed === undefined || seen.has(`${key} ${kafka}`)) return []
      seen.add(`${key} ${kafka}`)
      return row(`\`${key}\` of ${name}`, `\`${kafka}\``, renamed)
    }),
  )
  return `## Names that differ from Kafka's

An option that Kafka has keeps Kafka's name in camelCase, less the unit of time
([why](decisions/0009-option-names.md)), but for these:

| here | there | why |
|---|---|---|
${rows.join('\n')}`
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
