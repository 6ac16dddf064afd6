/** docs/guide/serving.md, step by step: its commands are run, and what they print is what it says. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guide = readFileSync(join(root, 'docs/guide/serving.md'), 'utf8')
const blocks = [...guide.matchAll(/```(sh serve|sh|json|html)\n(.*?)```/gs)].map(
  ([, kind, text]) => ({
    kind: kind!,
    text: text!,
  }),
)
const hasCurl = spawnSync('curl', ['--version']).status === 0

const folder = mkdtempSync(join(tmpdir(), 'kafka-do-guide-'))
let server: ChildProcess | undefined
let url = ''
const stop = async () => {
  const stopping = server
  server = undefined
  if (!stopping) return
  const ended = new Promise((resolve) => stopping.once('exit', resolve))
  stopping.kill('SIGTERM')
  await ended
}
afterAll(async () => {
  await stop()
  rmSync(folder, { recursive: true, force: true })
})

/** With a port that is free, and the command of this build. */
function here(text: string): string {
  return text
    .replaceAll('npx kafka-do', `${process.execPath} ${join(root, 'dist/cli/main.js')}`)
    .replaceAll('localhost:8080', url.replace('http://', ''))
}

async function serve(command: string): Promise<void> {
  await stop()
  const text = here(command).trim().replace('--http-port 8080', '--http-port 0 --port 0')
  server = spawn('exec '.concat(text), { cwd: folder, shell: true })
  url = await new Promise<string>((resolve, reject) => {
    let printed = ''
    server!.once('exit', (code) => reject(new Error(`it ended with ${code}: ${printed}`)))
    server!.stderr!.on('data', (chunk) => {
      printed += chunk
    })
    server!.stdout!.on('data', (chunk) => {
      printed += chunk
      const found = /http:\/\/[\d.]+:\d+/.exec(printed)?.[0]
      if (found) resolve(found)
    })
  })
}

/** The last value of JSON that a command printed; commands may print several, one after the other. */
function lastJson(printed: string): unknown {
  const at = printed.lastIndexOf('}{')
  return JSON.parse(at < 0 ? printed : printed.slice(at + 1))
}

test.skipIf(!hasCurl)('every step of the guide does what it says', async () => {
  let steps = 0
  for (const [i, { kind, text }] of blocks.entries()) {
    if (kind === 'sh serve') await serve(text)
    if (kind !== 'sh') continue
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['--norc', '-euo', 'pipefail', '-c', here(text)],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    )
    expect([status, stderr]).toEqual([0, ''])
    const expected = blocks[i + 1]
    if (expected?.kind === 'json') expect(lastJson(stdout)).toMatchObject(JSON.parse(expected.text))
    else expect(stdout).toContain('upstream')
    steps++
  }
  expect(steps).toBe(15)
})

test.skipIf(!hasCurl)('the page shows the orders', async () => {
  const html = blocks.find(({ kind }) => kind === 'html')!.text
  const script = /<script>(.*)<\/script>/s.exec(html)![1]!
  const shown: string[] = []
  const stopping = new AbortController()
  let enough: () => void
  const all = new Promise<void>((resolve) => {
    enough = resolve
  })
  const element = () => ({ textContent: '' })
  /** As a browser has it, as far as the page needs it. */
  class EventSource {
    onmessage: (event: { data: string }) => void = () => undefined
    constructor(target: string) {
      void this.#read(target.replace('http://localhost:8080', url)).catch(() => undefined)
    }

    async #read(target: string): Promise<void> {
      const headers = { accept: 'text/event-stream', origin: 'http://localhost:3000' }
      const response = await fetch(target, { headers, signal: stopping.signal })
      expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:3000')
      let text = ''
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk
        const events = text.split('\n\n')
        text = events.pop()!
        for (const event of events) {
          const data = /^data: (.*)$/m.exec(event)?.[1]
          if (data !== undefined) this.onmessage({ data })
        }
      }
    }
  }
  const document = {
    createElement: element,
    getElementById: () => ({
      append({ textContent }: { textContent: string }) {
        shown.push(textContent)
        if (shown.length === 6) enough()
      },
    }),
  }
  runInNewContext(script, { EventSource, document, JSON })
  await all
  stopping.abort()
  expect(shown).toEqual([
    ...['alice: order 1', 'bob: order 2', 'alice: order 3'],
    ...['carol: order 4', 'carol: order 5', 'carol: order 6'],
  ])
})
