/** `kafka-do key create` */
import { readTime } from '../records/place.ts'
import { argument, defineCommand, listOption, valueOption } from '../shell/command.ts'
import { UsageError } from '../shell/command-error.ts'
import { durationMs } from '../shell/readers.ts'
import { keyFileOption, printKey } from './key-file.ts'

export const keyCreate = defineCommand({
  args: { name: argument({ doc: 'descriptive name' }) },
  options: {
    scope: listOption({
      short: 's',
      placeholder: 'scope',
      doc: 'what it may do: produce:TOPIC, consume:TOPIC@GROUP, manage:TOPIC, keys, admin; a name may end in *; may be repeated',
    }),
    expires: valueOption({
      placeholder: 'time',
      doc: 'when it expires: 30d from now, or 2026-12-31T00:00:00Z',
      byDefault: 'never',
    }),
    keyFile: keyFileOption,
  },
  examples: [
    'kafka-do key create shop --scope produce:orders --scope consume:prices@shop --key-file shop.key',
    'kafka-do key create ops --scope admin --expires 30d -o json',
  ],
  async run({ args, flags, io, connect, out }) {
    if (flags.scope.length === 0) throw new UsageError('at least one --scope is required')
    const expiresAt =
      flags.expires === undefined ? undefined : readExpiry(flags.expires, io.runtime.now())
    const { admin } = await connect()
    await printKey(flags.keyFile, out, () =>
      admin.createKey({ name: args.name, scopes: flags.scope, expiresAt }),
    )
  },
})

function readExpiry(text: string, nowMs: number): number {
  try {
    return /^\d{4}-/.test(text) ? readTime(text) : Math.round(nowMs + durationMs(text))
  } catch {
    throw new UsageError(
      `--expires: it takes a duration such as 30d, or a time such as 2026-12-31T00:00:00Z; got '${text}'`,
    )
  }
}
