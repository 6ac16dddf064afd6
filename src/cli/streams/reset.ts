/** `kafka-do streams reset` */

import { readTime } from '../records/place.ts'
import {
  argument,
  defaultedOption,
  defineCommand,
  listOption,
  valueOption,
} from '../shell/command.ts'
import { CommandError } from '../shell/command-error.ts'
import { executeOption, notExecuted } from '../shell/execute.ts'
import type { Output } from '../shell/output.ts'
import { findApplication } from './find-application.ts'
import { LocalStateFolder } from './local-state.ts'
import { type Beginning, type ResetOffsets, resetApplication } from './reset-application.ts'
import type { StoredApplication } from './stored-application.ts'

export const streamsReset = defineCommand({
  formats: ['table', 'json', 'ndjson'],
  args: { app: argument({ doc: "the application's name (app)", completes: 'group' }) },
  options: {
    to: defaultedOption({
      placeholder: 'where',
      doc: 'new position in its sources: earliest, latest, or a time (ISO 8601)',
      fallback: 'earliest',
      read: beginningOf,
    }),
    source: listOption({
      placeholder: 'topic',
      doc: 'source topic without commits; may be repeated',
      completes: 'topic',
    }),
    stateDir: valueOption({
      placeholder: 'folder',
      doc: 'its state folder on this machine (state: { dir }), which is also removed',
      completes: 'folder',
    }),
    execute: executeOption,
  },
  more: `Without --execute nothing changes: it only shows what it would do. With it, it deletes the application's group and
its internal topics (changelogs and repartitions) with its state, and sets the offsets of its sources. The application
must not be running anywhere. Its output in other topics stays, and is written again.`,
  examples: [
    'kafka-do streams reset orders-app',
    'kafka-do streams reset orders-app --state-dir ./state --execute',
    'kafka-do streams reset orders-app --to 2026-01-31T00:00:00Z --execute',
  ],
  async run({ args, flags, connect, out }) {
    const { app } = args
    const { admin } = await connect()
    const found = await findApplication(admin, app)
    const sources = [...new Set([...found.sources, ...flags.source])].sort()
    for (const topic of flags.source) await admin.describeTopic(topic)
    const members = found.group?.members ?? []
    if (members.length > 0) throw isRunning(app, members)
    const local = flags.stateDir ? LocalStateFolder.open(flags.stateDir, app) : undefined
    try {
      const application = { ...found, sources }
      const isDone = flags.execute
      const offsets = isDone ? await resetApplication(admin, application, flags.to) : []
      if (isDone) local?.remove()
      const plan: Plan = {
        app,
        executed: isDone,
        to: flags.to,
        deleted: found.internalTopics,
        left: found.ofOthers,
        sources,
        offsets,
        stateFolder: local?.path ?? null,
      }
      if (out.isForPeople) await show(plan, flags.stateDir, out)
      else await out.document(plan, {})
    } finally {
      local?.release()
    }
  },
})

interface Plan {
  readonly app: string
  readonly executed: boolean
  readonly to: Beginning
  readonly deleted: readonly string[]
  readonly left: StoredApplication['ofOthers']
  readonly sources: readonly string[]
  readonly offsets: readonly ResetOffsets[]
  readonly stateFolder: string | null
}

function beginningOf(text: string): Beginning {
  if (text === 'earliest' || text === 'latest') return text
  try {
    return new Date(readTime(text))
  } catch {
    throw new Error(`it is earliest, latest, or a time such as 2026-01-31T00:00:00Z; got '${text}'`)
  }
}

async function show(plan: Plan, stateDir: string | undefined, out: Output): Promise<void> {
  const to = plan.to instanceof Date ? plan.to.toISOString() : plan.to
  const lines = [
    ...plan.deleted.map((topic) => `delete  topic ${topic}`),
    ...plan.left.map(({ topic, group }) => `leave   topic ${topic}: its name belongs to ${group}`),
    ...(plan.executed
      ? plan.offsets.map((one) => `set     ${one.topic}-${one.partition} to ${one.offset}`)
      : plan.sources.map((topic) => `set     ${topic} to ${to}`)),
    ...(plan.stateFolder ? [`remove  ${plan.stateFolder}`] : []),
  ]
  await out.write(lines.map((line) => `${line}\n`).join(''))
  if (stateDir === undefined)
    out.note(
      'State that its processes keep in folders (state: { dir }) is not touched: give --state-dir, or delete it on each machine before they start.',
    )
  else if (!plan.stateFolder) out.note(`There is no state of ${plan.app} in ${stateDir}.`)
  out.note(plan.executed ? `${plan.app} was reset.` : notExecuted)
}

function isRunning(
  app: string,
  members: readonly { clientId: string; host: string }[],
): CommandError {
  const where = members.map(({ clientId, host }) => `${clientId} at ${host}`).join(', ')
  return new CommandError(`${app} is running (${where}). Close it everywhere first`, {
    code: 'NON_EMPTY_GROUP',
    hint: 'Call run.close(), or end its processes; a killed member stays until its session times out (30 s unless sessionTimeout says otherwise)',
  })
}
