/**
 * What of the package ends up in a user's bundle: minified and gzipped, held to `bundle-budget.json` (KB). Whoever must
 * go over a budget raises it there, and says why in the commit. Bundled as a user of Vite does, with code splitting:
 * counted are the chunks that a program with that URL loads; codecs and optional packages come later, when wanted.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type OutputChunk, rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyPackage } from './packed-package.ts'

interface Program {
  readonly name: string
  readonly text: string
  /** Source files of the package that it comes to import at run time. */
  readonly loads: readonly string[]
  readonly platform?: 'browser'
}

const programs: readonly Program[] = [
  {
    name: 'unused',
    text: `import { Client } from 'kafka-do'\nimport { MockClient } from 'kafka-do/testing'\n`,
    loads: [],
  },
  {
    name: 'kafka',
    text: `import { Client } from 'kafka-do'\nexport const kafka = new Client('kafka://localhost')\n`,
    loads: ['connection/tcp/tcp.ts'],
  },
  {
    name: 'embedded',
    text: `import { Client } from 'kafka-do'\nexport const kafka = new Client('file:./data')\n`,
    loads: ['broker/broker.ts', 'storage/node-file-system.ts'],
  },
  {
    name: 'streams',
    text: `import { Client, Window } from 'kafka-do'
export const kafka = new Client('kafka://localhost')
kafka.stream('orders').window(Window.tumbling('5m')).groupByKey().count().to('counts')
`,
    loads: ['connection/tcp/tcp.ts', 'streams/runtime/start-application.ts'],
  },
  {
    name: 'client over http',
    text: `import { Client } from 'kafka-do/client'\nexport const kafka = new Client('https://localhost')\n`,
    loads: ['connection/http/http-connection.ts'],
    platform: 'browser',
  },
  {
    name: 'MockClient',
    text: `import { MockClient } from 'kafka-do/testing'\nexport const kafka = new MockClient()\n`,
    loads: [],
  },
]
const budgets = JSON.parse(
  readFileSync(new URL('bundle-budget.json', import.meta.url), 'utf8'),
) as { readonly [name: string]: number }
let folder = ''

beforeAll(() => {
  folder = copyPackage()
})
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true })
})

test.each(programs)('of a program with $name keeps to its budget', async (program) => {
  const chunks = await bundle(program)
  const code = [...loadedBy(program, chunks)].map((chunk) => chunk.code)
  const kilobytes = gzipSync(code.join('\n'), { level: 9 }).length / 1000
  const minified = code.join('\n').length / 1000
  console.log(
    `${program.name}: ${kilobytes.toFixed(1)} KB gzipped of ${budgets[program.name]}, ${minified.toFixed(1)} KB minified`,
  )
  expect(kilobytes).toBeLessThan(budgets[program.name]!)
})

test('takes in no native add-on, and neither broker nor what runs streams before it is wanted', async () => {
  const chunks = await bundle(programs[1]!)
  const eager = [...loadedBy({ ...programs[1]!, loads: [] }, chunks)].flatMap(sourcesOf)
  expect(eager).toContain('client/client.ts')
  expect(
    eager.filter((source) =>
      /^((broker|storage|server|cli|streams\/runtime)\/|connection\/tcp\/tcp\.ts)/.test(source),
    ),
  ).toEqual([])
  const everything = chunks.flatMap(({ moduleIds }) => moduleIds)
  expect(everything.filter((id) => /node-rs|commander/.test(id))).toEqual([])
})

test('in a browser takes in no Node module, no socket and no broker', async () => {
  const chunks = await bundle(programs.find(({ platform }) => platform === 'browser')!)
  const everything = chunks.flatMap(sourcesOf)
  expect(everything).toContain('connection/http/http-connection.ts')
  expect(
    everything.filter((source) =>
      /^(broker|storage|server|http)\/|tcp\/tcp\.ts|node-post/.test(source),
    ),
  ).toEqual([])
  const imported = chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
  expect(imported.filter((name) => name.startsWith('node:'))).toEqual([])
})

async function bundle({ name, text, platform }: Program): Promise<OutputChunk[]> {
  const input = join(folder, `${name}.mjs`)
  writeFileSync(input, text)
  const build = await rolldown({ input, platform: platform ?? 'node', logLevel: 'silent' })
  const { output } = await build.generate({ format: 'esm', minify: true })
  await build.close()
  return output.filter((file) => file.type === 'chunk')
}

/** The entry's chunk, those that hold what it comes to load, and all that these import. */
function loadedBy({ loads }: Program, chunks: readonly OutputChunk[]): Set<OutputChunk> {
  const holding = loads.map((source) => {
    const chunk = chunks.find((chunk) => sourcesOf(chunk).includes(source))
    if (!chunk) throw new Error(`No chunk holds ${source}`)
    return chunk
  })
  const loaded = new Set([...chunks.filter(({ isEntry }) => isEntry), ...holding])
  for (const { imports } of loaded) {
    for (const chunk of chunks) if (imports.includes(chunk.fileName)) loaded.add(chunk)
  }
  return loaded
}

/** The source files, from `src`, of which the package's files that are in a chunk were made; also where little of them is left. */
function sourcesOf({ moduleIds }: OutputChunk): string[] {
  return moduleIds
    .filter((id) => id.startsWith(join(folder, 'node_modules/kafka-do/dist')))
    .flatMap((id) => [...readFileSync(id, 'utf8').matchAll(/^\/\/ src\/(.+)$/gm)])
    .map(([, source]) => source!)
}
