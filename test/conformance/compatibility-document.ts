/**
 * `docs/compatibility.md` as text and as data. It has a section for each tier of tests, with a table for each client,
 * and one for the APIs. Whoever rewrites one section leaves the others as they are.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type Tier = 'conformance' | 'kafka'
export type SectionName = Tier | 'apis'

export interface FeatureRow {
  /** What belongs together: a client's `describe`. */
  readonly area: string
  readonly feature: string
  /** `yes`, `no`, or `not run: ` and why. */
  readonly result: string
}

export interface ClientTable {
  readonly client: string
  /** Empty: it has none of its own. */
  readonly version: string
  readonly rows: readonly FeatureRow[]
}

/** Something that a client cannot do, or does in its own way, which is not the broker's fault. */
export interface KnownDifference {
  readonly what: string
  readonly why: string
}

export type KnownDifferences = { readonly [client: string]: readonly KnownDifference[] }

const page = fileURLToPath(new URL('../../docs/compatibility.md', import.meta.url))
const differencesFile = new URL('compatibility-differences.json', import.meta.url)

const introduction = `# Compatibility

Test results of other clients with our broker, and of our client with Apache Kafka. \`npm run conformance\` and
\`npm run test:kafka\` write the tables; a run of some files updates only their rows. Deliberate differences are listed in
[gaps.md](gaps.md).
`
const headings: { readonly [name in SectionName]: string } = {
  conformance: '## Other clients with our broker',
  kafka: '## Our client and our broker compared with Apache Kafka',
  apis: '## APIs',
}
const order: readonly SectionName[] = ['conformance', 'kafka', 'apis']

export function readPage(): string {
  try {
    return readFileSync(page, 'utf8')
  } catch {
    return ''
  }
}

export function writePage(text: string): void {
  if (text !== readPage()) writeFileSync(page, text)
}

export function readDifferences(): KnownDifferences {
  return JSON.parse(readFileSync(differencesFile, 'utf8')) as KnownDifferences
}

/** A section's text after its heading, trimmed; empty when it does not exist. */
export function sectionOf(text: string, name: SectionName): string {
  const from = text.indexOf(`${headings[name]}\n`)
  if (from < 0) return ''
  const start = from + headings[name].length
  const end = text.indexOf('\n## ', start)
  return text.slice(start, end < 0 ? undefined : end).trim()
}

/** The whole page with one section replaced. */
export function withSection(text: string, name: SectionName, section: string): string {
  const bodies = order.map((each) => {
    const body = each === name ? section : sectionOf(text, each)
    return body === '' ? '' : `\n${headings[each]}\n\n${body.trim()}\n`
  })
  return introduction + bodies.join('')
}

/** The tables in a tier's section. */
export function parseTables(section: string): ClientTable[] {
  return section.split(/^### /m).flatMap((part) => {
    const [heading = '', ...lines] = part.split('\n')
    const { client = '', version = '' } =
      /^(?<client>.+?)(?: (?<version>\d\S*(?: \(.*\))?))?$/.exec(heading)?.groups ?? {}
    const rows = lines.flatMap((line) => {
      const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
      const [, area = '', feature = '', result = ''] = cells
      if (cells.length !== 5 || area === 'area' || /^-+$/.test(area)) return []
      return [{ area, feature, result }]
    })
    return rows.length === 0 ? [] : [{ client, version, rows }]
  })
}

/** A tier's section: clients and areas by name, features in the order of the tests. */
export function formatTables(tables: readonly ClientTable[], known: KnownDifferences): string {
  return [...tables]
    .sort((a, b) => compare(a.client, b.client))
    .map(({ client, version, rows }) => {
      const lines = [...rows]
        .sort((a, b) => compare(a.area, b.area))
        .map(({ area, feature, result }) => `| ${[area, feature, result].map(cell).join(' | ')} |`)
      const table = ['| area | feature | result |', '|---|---|---|', ...lines]
      const differences = known[client] ?? []
      const list = differences.map(({ what, why }) => `- ${what}. ${why}.`)
      const notes = list.length === 0 ? [] : ['', 'Known differences:', '', ...list]
      return [`### ${`${client} ${version}`.trim()}`, '', ...table, ...notes].join('\n')
    })
    .join('\n\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function compare(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()]
  return left < right ? -1 : left > right ? 1 : 0
}
