/** `kafka-do console`: the console before any cluster, on this machine, until Ctrl-C. */
import { spawn } from 'node:child_process'
import { resolveClientConfig } from '../client/config.ts'
import { connectionOptions } from './connection/connection-options.ts'
import { checkFolderIsThere } from './connection/open-client.ts'
import { targetOf } from './connection/target.ts'
import { createConsoleLogger } from './console-logger.ts'
import { defaultedOption, defineCommand, switchOption } from './shell/command.ts'
import type { Io } from './shell/io.ts'
import { wholeNumber } from './shell/readers.ts'

export const consoleCommand = defineCommand({
  connects: false,
  options: {
    ...connectionOptions,
    port: defaultedOption({
      placeholder: 'number',
      doc: 'port on this machine; 0 picks a free one',
      fallback: '0',
      read: wholeNumber({ max: 65_535 }),
    }),
    open: switchOption({ doc: 'open it in the browser' }),
  },
  more: `Anyone who can reach the port may do what the connection may. It listens on 127.0.0.1, so that is everyone on this
machine. A kafka-do serve with --http-port already has the console at /, and asks for keys if it has access control.`,
  examples: [
    'kafka-do console --open',
    'kafka-do console --url kafka://broker:9092 --port 8081',
    'kafka-do console --url https://events.example.com --api-key-file ./key',
  ],
  async run({ flags, io, out }) {
    const { url, source, config } = targetOf(flags, io.environment)
    checkFolderIsThere(url, source)
    const logger = createConsoleLogger(flags.verbose ? 'debug' : 'warn', 'text')
    const [{ openConnection }, { openConsoleServer }] = await Promise.all([
      import('../entry/open-connection.ts'),
      import('../server/console-server.ts'),
    ])
    const { broker: _, ...client } = config
    const resolved = resolveClientConfig({ ...client, runtime: io.runtime, logger }, {})
    const connection = openConnection(resolved, undefined)
    const server = await openConsoleServer({ connection, runtime: io.runtime, port: flags.port })
    try {
      await out.document(
        { url: server.url, of: connection.url },
        {
          facts: [
            ['console', server.url],
            ['of', connection.url],
          ],
        },
      )
      if (flags.open) openInBrowser(server.url, io)
      await aborted(io.signal)
    } finally {
      await server.close()
    }
  },
})

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Where there is no browser the address is told anyhow. */
function openInBrowser(url: string, io: Io): void {
  const { BROWSER: chosen } = io.environment
  const [program, ...args] = chosen
    ? [chosen, url]
    : process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '', url]
        : ['xdg-open', url]
  const child = spawn(program!, args, { stdio: 'ignore', detached: true })
  child.on('error', () => io.stderr.write(`Could not open a browser; the console is at ${url}\n`))
  child.unref()
}
