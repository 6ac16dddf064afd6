/** The commands in docs/guide/command-line.md, run as they stand there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer, type Server } from '../../src/server/server.ts'
import { run } from './command-line.ts'
import { pipelineOf } from './words.ts'

const page = readFileSync(new URL('../../docs/guide/command-line.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/^```sh( access)?\n(.*?)^```$/gms)].map(([, access, text]) => ({
  isGuarded: access !== undefined,
  lines: text!.trimEnd().split('\n'),
}))

let scratch = ''
let server: Server
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-guide-'))
  server = await createServer({ data: 'memory:', port: 0, access: 'keys' })
  writeFileSync(join(scratch, 'admin.key'), server.firstKey!.key)
})
afterAll(async () => {
  await server.close()
  rmSync(scratch, { recursive: true, force: true })
})

/** Files of the page lie in a folder of the test's own. */
function placed(word: string): string {
  if (/^[\w-]+\.(ndjson|ndjson\.gz|key|sh)$/.test(word)) return join(scratch, word)
  return word.replace(/^(file:)?\.\/data$/, (_, scheme = '') => `${scheme}${join(scratch, 'data')}`)
}

/** What a shell's own command prints; undefined: it is none that is known. */
function printed([name, ...words]: readonly string[]): string | undefined {
  if (name === 'echo') return `${words.join(' ')}\n`
  return name === 'printf' ? words[0]!.replaceAll('\\n', '\n') : undefined
}

async function runLine(line: string, environment: { [name: string]: string }): Promise<void> {
  const [, name, value] = /^export (\w+)=(.*)$/.exec(line) ?? []
  if (name !== undefined) {
    environment[name] = placed(value!)
    return
  }
  let stdin = ''
  for (const { words, output } of pipelineOf(line)) {
    const text = printed(words)
    if (text === undefined) {
      expect([line, words[0]]).toEqual([line, 'kafka-do'])
      const outcome = await run(words.slice(1).map(placed), { stdin, environment })
      expect([line, outcome.code, outcome.stderr]).toEqual([
        line,
        0,
        expect.not.stringContaining('kafka-do: '),
      ])
      stdin = outcome.stdout
    } else stdin = text
    if (output !== undefined) writeFileSync(placed(output), stdin)
  }
}

test('the page has commands', () => {
  expect(blocks.length).toBeGreaterThan(10)
  expect(blocks.some(({ isGuarded }) => isGuarded)).toBe(true)
})

test('each command of the page does what it is there for', { timeout: 120_000 }, async () => {
  const here: { [name: string]: string } = { KAFKA_DO_CONTEXTS: join(scratch, 'contexts.json') }
  // The first line looks into a folder that is to be there.
  await run(['produce', 'first', '--create', '-v', '1', '--url', `file:${join(scratch, 'data')}`])
  const guarded = {
    KAFKA_DO_URL: server.url,
    KAFKA_DO_API_KEY: readFileSync(join(scratch, 'admin.key'), 'utf8'),
  }
  for (const { isGuarded, lines } of blocks)
    for (const line of lines) await runLine(line, isGuarded ? guarded : here)
})
