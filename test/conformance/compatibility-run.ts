/**
 * What a run of a tier's tests says about compatibility, and how that joins what earlier runs said.
 *
 * An area is a `describe`. It counts as run when each of its tests passed, failed, or was skipped with the reason in its
 * name; otherwise (it was filtered, or what it needs is missing on this machine) its earlier rows stay.
 */
import type { ClientTable, FeatureRow } from './compatibility-document.ts'

export interface RanTest {
  readonly client: string
  readonly version: string
  readonly area: string
  readonly feature: string
  readonly state: 'passed' | 'failed' | 'skipped'
}

const reasonInName = / \((?:not run|skipped): (?<reason>[^()]*(?:\([^()]*\)[^()]*)*)\)$/

/** A name without the reason for which it was skipped. */
export function withoutReason(name: string): string {
  return name.replace(reasonInName, '')
}

/** The choices of a command line that make vitest itself forget about files; empty or undefined: not made. */
export interface RunChoices {
  readonly project?: readonly string[] | undefined
  readonly cliExclude?: readonly string[] | undefined
  readonly dir?: string | undefined
}

/**
 * Whether a run was of a whole tier: every file of it was loaded, and no choice hides files from `all`. (With
 * `--project`, `all` has the files of that project alone.)
 */
export function isWholeRun(
  choices: RunChoices,
  all: Iterable<string>,
  loaded: ReadonlySet<string>,
): boolean {
  const { project = [], cliExclude = [], dir } = choices
  if (project.length > 0 || cliExclude.length > 0 || dir !== undefined) return false
  return [...all].every((file) => loaded.has(file))
}

/**
 * @param tests All that the run knows of, in their order.
 * @param isWhole Whether nothing was filtered: then areas that the run does not know are gone.
 */
export function joinRun(
  before: readonly ClientTable[],
  tests: readonly RanTest[],
  isWhole: boolean,
): ClientTable[] {
  const ran = new Map<string, FeatureRow[] | 'partly'>()
  const versions = new Map<string, string>()
  for (const test of tests) {
    const id = areaId(test)
    const row = toRow(test)
    const rows = ran.get(id) ?? []
    if (rows === 'partly' || row === undefined) ran.set(id, 'partly')
    else ran.set(id, [...rows, row])
    if (test.version !== '') versions.set(test.client, test.version)
  }
  const tables = new Map<string, FeatureRow[]>()
  const add = (client: string, rows: readonly FeatureRow[]) =>
    tables.set(client, [...(tables.get(client) ?? []), ...rows])
  for (const { client, version, rows } of before) {
    if (!versions.has(client)) versions.set(client, version)
    const stays = rows.filter(({ area }) => {
      const now = ran.get(areaId({ client, area }))
      return now === undefined ? !isWhole : now === 'partly'
    })
    if (stays.length > 0) add(client, stays)
  }
  const clients = new Map(tests.map((test) => [areaId(test), test.client]))
  for (const [id, rows] of ran) if (rows !== 'partly') add(clients.get(id)!, rows)
  return [...tables].map(([client, rows]) => ({
    client,
    version: versions.get(client) ?? '',
    rows,
  }))
}

function areaId({ client, area }: { readonly client: string; readonly area: string }): string {
  return `${client}: ${area}`
}

/** Undefined: nothing can be said. */
function toRow({ area, feature, state }: RanTest): FeatureRow | undefined {
  const reason = reasonInName.exec(feature)?.groups?.reason
  if (state === 'skipped' && reason === undefined) return undefined
  const result = state === 'skipped' ? `not run: ${reason}` : state === 'passed' ? 'yes' : 'no'
  return { area, feature: withoutReason(feature), result }
}
