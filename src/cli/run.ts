/** Runs one command line: finds the command, reads its options, runs it, and tells how it ended. */

import { didYouMean } from '../core/suggestion.ts'
import { version } from '../core/version.ts'
import type { Client } from '../entry/client.ts'
import { commands } from './commands.ts'
import type { ConnectionFlags } from './connection/connection-options.ts'
import type { CommandSpec, Invocation } from './shell/command.ts'
import { UsageError } from './shell/command-error.ts'
import { exitCode } from './shell/exit-code.ts'
import { type Failure, failureJson, failureOf, failureText } from './shell/failure.ts'
import { type Io, OutputClosed } from './shell/io.ts'
import { Output, type OutputFormat } from './shell/output.ts'
import { type Progress, startProgress } from './shell/progress.ts'
import { type CommandTree, find, namesIn } from './shell/tree.ts'

const about =
  'Event streaming with zero ops: a durable Kafka-compatible broker, and the tools for it'
const helpWords: ReadonlySet<string> = new Set(['-h', '--help'])

/** Resolves with the exit code; everything there is to say has been said. */
export async function runCommandLine(words: readonly string[], given: Io): Promise<number> {
  const ending = new AbortController()
  const signal = AbortSignal.any([given.signal, ending.signal])
  // Not a copy, which would open standard input.
  const io: Io = Object.create(given, { signal: { value: signal } })
  const stopWatching = watchStreams(io, ending)
  try {
    return await run(words, io)
  } catch (error) {
    return end(error, words, io)
  } finally {
    stopWatching()
  }
}

/** Nobody reads any more: what is under way ends. A disk that is full under a redirection is an error as any other. */
function watchStreams({ stdout, stderr }: Io, ending: AbortController): () => void {
  const onError = (error: NodeJS.ErrnoException) =>
    ending.abort(error.code === 'EPIPE' ? new OutputClosed() : error)
  stdout.on('error', onError)
  stderr.on('error', onError)
  return () => {
    // What comes later, while the process ends, is nobody's business.
    const ignore = () => undefined
    stdout.on('error', ignore)
    stderr.on('error', ignore)
    stdout.off('error', onError)
    stderr.off('error', onError)
  }
}

async function run(words: readonly string[], io: Io): Promise<number> {
  const [first] = words
  if (first === '--version' || first === '-V') {
    io.stdout.write(`${version}\n`)
    return exitCode.done
  }
  if (first === 'help') return run([...words.slice(1), '--help'], io)
  const { path, node, rest } = find(commands, words)
  if ('commands' in node) return group(path, node.summary || about, node.commands, rest, io)
  const [spec, { parse }] = await Promise.all([node.load(), import('./shell/parser.ts')])
  const name = path.join(' ')
  const { args, flags } = parse(spec, { name, summary: node.summary }, rest, io.stdout)
  return runCommand(spec, { name, args, flags }, io)
}

/** A group is no command: it shows its commands. */
async function group(
  path: readonly string[],
  summary: string,
  tree: CommandTree,
  rest: readonly string[],
  io: Io,
): Promise<number> {
  const { helpOf, widthOf } = await import('./shell/parser.ts')
  const [word] = rest
  const more = path.length === 0 ? rootHelp : ''
  if (word !== undefined && helpWords.has(word)) {
    io.stdout.write(helpOf(path, summary, tree, { more, width: widthOf(io.stdout) }))
    return exitCode.done
  }
  const name = ['kafka-do', ...path].join(' ')
  if (word === undefined) {
    io.stderr.write(helpOf(path, summary, tree, { more, width: widthOf(io.stderr) }))
    return exitCode.usage
  }
  const what = word.startsWith('-') ? 'option' : 'command'
  throw new UsageError(
    `${name} has no ${what} '${word}'`,
    (what === 'command' ? didYouMean(word, namesIn(tree)) : undefined) ??
      `${name} --help lists what there is`,
  )
}

const rootHelp = `
See kafka-do <command> --help, and docs/guide/command-line.md.

Connection: --url, --context, KAFKA_DO_CONTEXT, KAFKA_DO_URL, the
context in use, or file:./.kafka-do. Keys come from --api-key-file or
KAFKA_DO_API_KEY, never from arguments.

Examples:
  $ kafka-do serve --data ./data
  $ kafka-do topic ls --url kafka://localhost:9092
  $ kafka-do consume orders --from -1h
`

interface Given {
  readonly name: string
  readonly args: { readonly [name: string]: unknown }
  readonly flags: { readonly [attribute: string]: unknown }
}

async function runCommand(
  spec: CommandSpec,
  { name, args, flags }: Given,
  io: Io,
): Promise<number> {
  const out = new Output(
    io,
    (flags.output as OutputFormat | undefined) ?? spec.formats[0] ?? 'table',
  )
  let client: Client | undefined
  let running: Progress | undefined
  const invocation: Invocation<unknown, unknown> = {
    args,
    flags,
    io,
    out,
    name,
    connect: async (options) => {
      const { openClient } = await import('./connection/open-client.ts')
      client ??= await openClient(flags as Partial<ConnectionFlags>, io, options)
      return client
    },
    progress: (what, beside) => {
      running = startProgress(io, what, beside)
      return running
    },
  }
  // Ends whatever waits for an answer; consumers commit and leave, producers send what they hold.
  const close = () => void client?.close().catch(() => undefined)
  io.signal.addEventListener('abort', close, { once: true })
  try {
    const code = await spec.run(invocation as Invocation<never, never>)
    if (io.signal.aborted) throw io.signal.reason
    running?.end()
    await client?.close()
    return code ?? exitCode.done
  } catch (error) {
    running?.end()
    if (io.signal.aborted) throw io.signal.reason
    const { withSuggestion } = await import('./connection/name-suggestions.ts')
    throw await withSuggestion(error, { spec, args, flags, client })
  } finally {
    io.signal.removeEventListener('abort', close)
    running?.end()
    await client?.close().catch(() => undefined)
  }
}

async function end(error: unknown, words: readonly string[], io: Io): Promise<number> {
  if (error instanceof OutputClosed) return exitCode.done
  const failure = await asFailure(error)
  if (failure === undefined) return exitCode.done
  // Whoever pressed Ctrl-C knows why it ended.
  if (failure.code === 'INTERRUPTED') return failure.exitCode
  const isForPrograms = /^(json|ndjson)$/.test(formatIn(words) ?? '')
  io.stderr.write(isForPrograms ? failureJson(failure) : failureText(failure))
  return failure.exitCode
}

/** Undefined: the help was shown, as it was asked for. */
async function asFailure(error: unknown): Promise<Failure | undefined> {
  const {
    code,
    message,
    exitCode: given,
  } = error as { code?: unknown; message?: string; exitCode?: number }
  if (typeof code !== 'string' || !code.startsWith('commander.')) return failureOf(error)
  if (given === 0) return undefined
  // It writes `error: …`, and a second line that asks whether something else was meant.
  const [first = '', second] = (message ?? '').replace(/^error: /, '').split('\n')
  const hint = second?.replace(/^\((.*)\)$/, '$1')
  return failureOf(new UsageError(first, hint || '--help shows what is possible'))
}

/** What `-o` says, also where the rest of the command line cannot be read. */
function formatIn(words: readonly string[]): string | undefined {
  for (const [i, word] of words.entries()) {
    if (word === '-o' || word === '--output') return words[i + 1]
    const [, attached] = /^(?:--output=|-o=?)(.+)$/.exec(word) ?? []
    if (attached !== undefined) return attached
  }
  return undefined
}
