/** `kafka-do context add` */
import { resolve } from 'node:path'
import { schemeOf } from '../../client/url-schemes.ts'
import { folderOfUrl } from '../../core/folder-url.ts'
import { connectionOptions } from '../connection/connection-options.ts'
import { type Context, Contexts } from '../connection/contexts.ts'
import { argument, defineCommand, switchOption } from '../shell/command.ts'
import { CommandError, UsageError } from '../shell/command-error.ts'

const { url, apiKeyFile, saslUser, saslPasswordFile, saslMechanism, tlsCa, tlsCert, tlsKey } =
  connectionOptions

export const contextAdd = defineCommand({
  connects: false,
  formats: [],
  args: { name: argument({ doc: 'name of the context' }) },
  options: {
    ...{
      url: { ...url, byDefault: undefined },
      apiKeyFile,
      saslUser,
      saslPasswordFile,
      saslMechanism,
    },
    ...{ tlsCa, tlsCert, tlsKey },
    use: switchOption({ doc: 'make it the default' }),
    replace: switchOption({ doc: 'replace a context of that name' }),
  },
  more: `A context stores the names of files with keys and passwords, not the keys themselves. It is saved in contexts.json in
~/.config/kafka-do (XDG_CONFIG_HOME), or in the file named by KAFKA_DO_CONTEXTS.`,
  examples: [
    'kafka-do context add local --url kafka://localhost:9092 --use',
    'kafka-do context add prod --url https://events.example.com --api-key-file ~/.secrets/events.key',
  ],
  async run({ args, flags, io, out }) {
    if (flags.url === undefined) throw new UsageError('it takes --url')
    schemeOf(flags.url, '--url')
    if (/^[a-z+]+:\/\/[^/@]*:[^/@]*@/i.test(flags.url))
      throw new UsageError(
        'a URL with a password is not saved; use --sasl-user and --sasl-password-file',
      )
    if (!/^[\w.-]{1,100}$/.test(args.name))
      throw new UsageError("a name has 1 to 100 letters, digits, '.', '_' or '-'")
    const { url: given, use, replace, saslMechanism: mechanism, saslUser: name, ...files } = flags
    const context: Context = {
      url: absolute(given!),
      ...(name !== undefined && { saslUser: name }),
      ...(mechanism !== undefined && { saslMechanism: mechanism }),
      ...Object.fromEntries(
        Object.entries(files)
          .filter(([, file]) => typeof file === 'string')
          .map(([entry, file]) => [entry, resolve(file as string)]),
      ),
    }
    const contexts = Contexts.read(io.environment)
    if (contexts.has(args.name) && !replace)
      throw new CommandError(`there is a context '${args.name}' already`, {
        code: 'CONTEXT_EXISTS',
        hint: '--replace replaces it',
      })
    contexts.set(args.name, context)
    if (use) contexts.use(args.name)
    out.note(`Saved context ${args.name} in ${contexts.path}.`)
  },
})

/** A folder is the same from wherever it is used. */
function absolute(given: string): string {
  return given.startsWith('file:') ? `file:${resolve(folderOfUrl(given, '--url'))}` : given
}
