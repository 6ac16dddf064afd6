/**
 * `kafka-do/client` where there is no Node: bundled for a browser, it runs in Chromium (Debian's) and on workerd (Cloudflare's
 * runtime, from npm) against `kafka-do serve` over HTTP. The page also follows a topic as the guide's does.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { npmInstall } from '../../scripts/download.js'
import { createServer, type Server } from '../../src/server/server.ts'
import { cachedFolder } from '../conformance/librdkafka/cache-folder.ts'
import { unpackedDebianPackage } from '../conformance/librdkafka/debian-package.ts'
import { findTool } from '../conformance/librdkafka/tool.ts'
import { installPackage } from '../package/packed-package.ts'

/** What it does is what a client does; what it returns is what came of it. */
const program = `import { Client, Offset } from 'kafka-do/client'

export { Client }

export async function run(url) {
  const kafka = new Client({ url })
  await kafka.admin.createTopic('edge', { partitions: 2 })
  await kafka.producer('edge', { compression: 'gzip' }).sendBatch(['a', 'b', 'c'])
  await kafka.transaction('edge', (tx) => tx.send('d', { key: 'k' }))
  const values = []
  for await (const { value } of kafka.consumer('edge', { group: 'edge', offset: Offset.earliest })) {
    values.push(value)
    if (values.length === 4) break
  }
  const { state } = await kafka.admin.describeGroup('edge')
  await kafka.admin.deleteTopic('edge')
  await kafka.close()
  let refused
  try {
    new Client('kafka://localhost')
  } catch (error) {
    refused = error.message
  }
  return { values: values.sort(), state, refused }
}
`

const expected = {
  values: ['a', 'b', 'c', 'd'],
  state: 'Empty',
  refused: expect.stringContaining('https://'),
}

let folder = ''
let code = ''
let server: Server

beforeAll(async () => {
  folder = await installPackage()
  const input = join(folder, 'program.mjs')
  writeFileSync(input, program)
  const build = await rolldown({ input, platform: 'browser', logLevel: 'silent' })
  const { output } = await build.generate({ format: 'esm', codeSplitting: false })
  await build.close()
  code = output[0].code
  server = await createServer({ data: 'memory:', port: 0, httpPort: 0, http: { corsOrigins: '*' } })
})
afterAll(async () => {
  await server?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const workerdVersion = '1.20261117.1'

test(`on workerd ${workerdVersion}`, async () => {
  const recipe = JSON.stringify({ private: true, dependencies: { workerd: workerdVersion } })
  const runtime = await cachedFolder('workerd', recipe, async (into) => {
    await writeFile(join(into, 'package.json'), recipe)
    await npmInstall(into, [])
  })
  const worker = mkdtempSync(join(tmpdir(), 'kafka-do-workerd-'))
  writeFileSync(
    join(worker, 'worker.mjs'),
    `${code}\nexport default { fetch: async (request, env) => Response.json(await run(env.URL)) }\n`,
  )
  const port = await freePort()
  writeFileSync(
    join(worker, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
      compatibilityDate = "2026-01-01",
      bindings = [(name = "URL", text = "${server.httpUrl}")],
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`,
  )
  const executable = join(runtime, 'node_modules/.bin/workerd')
  const child = spawn(executable, ['serve', 'config.capnp'], { cwd: worker })
  try {
    const answer = await answered(child, `http://127.0.0.1:${port}/`)
    expect(JSON.parse(answer)).toEqual(expected)
  } finally {
    child.kill('SIGKILL')
    rmSync(worker, { recursive: true, force: true })
  }
})

const chromium = await findTool(async () => {
  const program = await unpackedDebianPackage('chromium-headless-shell')
  return { program, version: '' }
})

const inChromium = chromium.missing ? `(skipped: ${chromium.missing})` : ''
test.skipIf(chromium.missing)(`in Chromium ${inChromium}`, async () => {
  const said = await inBrowser(`import { Client, run } from '/bundle.js'

const follow = (count) => new Promise((resolve, reject) => {
  const values = []
  const events = new EventSource('${server.httpUrl}/v1/topics/live/records?from=earliest')
  events.onerror = () => reject(new Error('the stream of events failed'))
  events.onmessage = ({ data }) => {
    values.push(JSON.parse(data).value)
    if (values.length < count) return
    events.close()
    resolve(values)
  }
})
const { values, state, refused } = await run('${server.httpUrl}')
const kafka = new Client({ url: '${server.httpUrl}' })
await kafka.produce('live', { n: 1 })
const followed = follow(3)
for (const n of [2, 3]) await kafka.produce('live', { n })
await tell({ values, state, refused, followed: await followed })
`)
  expect(said).toEqual({ ...expected, followed: [{ n: 1 }, { n: 2 }, { n: 3 }] })
})

/** What a module that Chromium runs in a page tells by `tell`; rejects with what it throws. */
async function inBrowser(module: string): Promise<unknown> {
  if (chromium.missing !== undefined) throw new Error(chromium.missing)
  const { folder: installed, env } = chromium.program
  const profile = mkdtempSync(join(tmpdir(), 'kafka-do-chromium-'))
  let settle: (said: unknown) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const told = new Promise<unknown>((resolve, fail) => {
    settle = resolve
    reject = fail
  })
  const page = `<!doctype html><meta charset="utf-8"><script>
const tell = (said) => fetch('/said', { method: 'POST', body: JSON.stringify(said) })
const fail = (error) => tell({ error: String(error?.stack ?? error) })
addEventListener('error', ({ error, message }) => fail(error ?? message))
addEventListener('unhandledrejection', ({ reason }) => fail(reason))
</script><script type="module" src="/program.js"></script>`
  const pages = createHttpServer(async (request, response) => {
    if (request.url === '/said') {
      const chunks: Uint8Array[] = []
      for await (const chunk of request) chunks.push(chunk)
      settle(JSON.parse(Buffer.concat(chunks).toString()))
      response.end()
    } else if (request.url === '/') {
      response.setHeader('content-type', 'text/html').end(page)
    } else {
      const script = request.url === '/bundle.js' ? code : module
      response.setHeader('content-type', 'text/javascript').end(script)
    }
  }).listen(0, '127.0.0.1')
  await once(pages, 'listening')
  const { port } = pages.address() as AddressInfo
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
  const args = [...flags, '--remote-debugging-port=0', `--user-data-dir=${profile}`]
  const path = join(installed, 'usr/lib/chromium/chromium-headless-shell')
  const child = spawn(path, [...args, `http://127.0.0.1:${port}/`], { env })
  const ended = once(child, 'close')
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  child.once('close', (status) => reject(new Error(`Chromium ended with ${status}: ${errors}`)))
  try {
    return await told
  } finally {
    child.kill('SIGKILL')
    await ended
    pages.closeAllConnections()
    pages.close()
    rmSync(profile, { recursive: true, force: true })
  }
}

/** Asks until it listens. */
async function answered(child: ChildProcess, url: string): Promise<string> {
  let said = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk) => {
      said += chunk
    })
  }
  let hasEnded = false
  child.once('exit', () => {
    hasEnded = true
  })
  while (!hasEnded) {
    const response = await fetch(url).catch(() => undefined)
    if (!response) continue
    const text = await response.text()
    if (response.ok) return text
    throw new Error(`${response.status}: ${text}\n${said}`)
  }
  throw new Error(`workerd ended: ${said}`)
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createTcpServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
