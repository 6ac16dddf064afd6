/** `kafka-do doctor`: what is wrong with a data folder, its machine, or a cluster, and what to do about it. */
import { existsSync } from 'node:fs'
import { ConfigError } from '../core/errors.ts'
import { folderOfUrl } from '../core/folder-url.ts'
import type { Finding } from '../server/doctor.ts'
import type { ConnectionFlags } from './connection/connection-options.ts'
import { targetOf } from './connection/target.ts'
import type { Check } from './doctor/check.ts'
import { defineCommand, type Invocation, optionalArgument, switchOption } from './shell/command.ts'
import { NotFoundError, UsageError } from './shell/command-error.ts'
import { exitCode } from './shell/exit-code.ts'
import { section } from './shell/output.ts'

export const doctor = defineCommand({
  args: {
    folder: optionalArgument({
      doc: 'data folder that no broker has open; otherwise --url',
      completes: 'folder',
    }),
  },
  options: {
    repair: switchOption({ doc: 'set damaged files aside and keep the sound data' }),
    dryRun: switchOption({ doc: 'with --repair: show what it would do and change nothing' }),
  },
  more: `For a folder, every file is read: records and their checksums, indexes, snapshots, checkpoints. It also checks the
disk (fdatasync time, free space), the limit on open files, the clock and versions. For a cluster, it checks whether
the addresses it advertises lead to it.

Without --repair nothing is changed. A repair moves each damaged file to the folder .damaged in the data folder
before it replaces it, so nothing is destroyed. It cannot restore lost data; a backup can. Run --repair --dry-run
first. Exit code 1 means there is a problem, or damage that is still there.`,
  examples: [
    'kafka-do doctor ./data',
    'kafka-do doctor ./data --repair --dry-run',
    'kafka-do doctor ./data --repair',
    'kafka-do doctor --url kafka://localhost:9092',
  ],
  async run(invocation) {
    const { args, flags, io } = invocation
    const folder =
      args.folder ?? folderIn(invocation.flags as Partial<ConnectionFlags>, io.environment)
    if (folder !== undefined) return ofFolder(folder, flags, invocation)
    if (flags.repair) throw new UsageError('--repair takes a data folder')
    return ofCluster(invocation)
  },
})

type Run = Invocation<unknown, unknown>

function folderIn(
  flags: Partial<ConnectionFlags>,
  environment: Run['io']['environment'],
): string | undefined {
  const { url, source } = targetOf(flags, environment)
  return url.startsWith('file:') ? folderOfUrl(url, source) : undefined
}

async function ofFolder(
  folder: string,
  { repair, dryRun }: { readonly repair: boolean; readonly dryRun: boolean },
  { io, out }: Run,
): Promise<number> {
  if (!existsSync(folder)) throw noData(folder, 'it does not exist')
  const [{ examineFolder }, { machineChecks }] = await Promise.all([
    import('../server/doctor.ts'),
    import('./doctor/machine-checks.ts'),
  ])
  const examined = examineFolder(folder, async (findings) => {
    const checks = machineChecks(folder, io.runtime)
    const isRepaired = repair && !dryRun
    if (isRepaired) for (const finding of findings) await finding.repair?.()
    await tell({ folder, url: null }, checks, { findings, isRepaired, isDryRun: dryRun }, out)
    const hasDamage = findings.length > 0 && !isRepaired
    return hasDamage || hasProblem(checks) ? exitCode.failed : exitCode.done
  })
  return examined.catch((error: unknown) => {
    throw error instanceof ConfigError ? noData(folder, 'it has no kafka-do files') : error
  })
}

function noData(folder: string, why: string): NotFoundError {
  return new NotFoundError(`${folder} is not a data folder: ${why}`, { code: 'NO_DATA_FOLDER' })
}

async function ofCluster({ flags, io, out, connect }: Run): Promise<number> {
  const given = flags as Partial<ConnectionFlags>
  const client = await connect()
  const [{ clusterChecks }, { Client }] = await Promise.all([
    import('./doctor/cluster-checks.ts'),
    import('../entry/client.ts'),
  ])
  const { config, url } = targetOf(given, io.environment)
  const checks = await clusterChecks(client, config, (one) => new Client(one), io.runtime)
  await tell({ folder: null, url: withoutPassword(url) }, checks, undefined, out)
  return hasProblem(checks) ? exitCode.failed : exitCode.done
}

function withoutPassword(url: string): string {
  return url.replace(/(\/\/[^/@:]*):[^/@]*@/, '$1:***@')
}

function hasProblem(checks: readonly Check[]): boolean {
  return checks.some(({ status }) => status === 'problem')
}

interface Examined {
  readonly findings: readonly Finding[]
  readonly isRepaired: boolean
  readonly isDryRun: boolean
}

async function tell(
  what: { readonly folder: string | null; readonly url: string | null },
  checks: readonly Check[],
  examined: Examined | undefined,
  out: Run['out'],
): Promise<void> {
  const { findings = [], isRepaired = false } = examined ?? {}
  const shown = findings.map(({ path, damage, lost, remedy }) => ({
    ...{ path, damage, lost, remedy, repaired: isRepaired },
  }))
  const lines = [
    ...(examined ? [dataLine(what.folder!, findings)] : []),
    ...checks.map(({ name, status, message, remedy }) => ({ name, status, message, remedy })),
  ]
  if (!out.isForPeople) {
    await out.document(
      { ...what, checks, findings: shown },
      {
        sections: [
          section(
            [
              { title: 'CHECK', cell: ({ name }) => name },
              { title: 'STATUS', cell: ({ status }) => status },
              { title: 'MESSAGE', cell: ({ message }) => message },
              { title: 'REMEDY', cell: ({ remedy }) => remedy },
            ],
            lines,
          ),
        ],
      },
    )
    return
  }
  await out.write(
    [
      ...lines.map(
        ({ name, status, message, remedy }) =>
          `${status.padEnd(7)}  ${name.padEnd(7)}  ${message}\n${remedy ? `${' '.repeat(18)}${remedy}\n` : ''}`,
      ),
      ...findings.map(described),
      ...(findings.length > 0 ? [ending(what.folder!, examined!)] : []),
    ].join(''),
  )
}

function dataLine(folder: string, findings: readonly Finding[]): Check {
  if (findings.length === 0)
    return { name: 'data', status: 'ok', message: `Nothing is damaged in ${folder}` }
  return { name: 'data', status: 'problem', message: `${countOf(findings)} in ${folder}` }
}

function countOf({ length }: readonly Finding[]): string {
  return `${length} ${length === 1 ? 'finding' : 'findings'}`
}

function described({ path, damage, lost, remedy }: Finding): string {
  const lines = [`\n${path} ${damage}`, `  lost    ${lost ?? 'nothing'}`, `  repair  ${remedy}`]
  return lines.map((line) => `${line}\n`).join('')
}

function ending(folder: string, { findings, isRepaired, isDryRun }: Examined): string {
  const count = countOf(findings)
  if (isRepaired) return `\n${count}, repaired; damaged files are in ${folder}/.damaged\n`
  return isDryRun
    ? `\n${count}; nothing was changed (dry run)\n`
    : `\n${count}; 'kafka-do doctor ${folder} --repair --dry-run' previews a repair; --repair does it\n`
}
