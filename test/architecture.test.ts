/** Holds the import directions of docs/decisions/0001-layers.md. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const source = fileURLToPath(new URL('../src', import.meta.url))

/** For each layer: the layers it may import besides itself. */
const mayImport: { readonly [layer: string]: readonly string[] } = {
  core: [],
  protocol: ['core'],
  backend: ['core', 'protocol'],
  connection: ['core', 'protocol', 'backend'],
  access: ['core', 'protocol', 'backend', 'connection'],
  client: ['core', 'protocol', 'connection'],
  opentelemetry: ['core', 'backend', 'client'],
  storage: ['core'],
  backup: ['core', 'protocol', 'storage'],
  broker: ['core', 'protocol', 'storage', 'backend', 'backup'],
  // It speaks to whatever it stands before as a client does, for each of its callers.
  http: ['core', 'protocol', 'backend', 'connection', 'client'],
  server: [
    ...['core', 'protocol', 'storage', 'backend', 'backup', 'broker', 'connection', 'access'],
    'http',
  ],
  cli: [
    ...['core', 'protocol', 'backend', 'server', 'storage', 'backup', 'client', 'http', 'entry'],
    'opentelemetry',
  ],
  streams: ['core', 'protocol', 'client'],
  // What composes may import all that it composes.
  entry: [
    ...['core', 'protocol', 'storage', 'backend', 'backup', 'broker', 'connection', 'client'],
    'streams',
  ],
  testing: [
    ...['core', 'protocol', 'storage', 'backend', 'broker', 'connection', 'client', 'streams'],
    'entry',
  ],
}

/** Files outside of any layer, by their imports: each only names what is public. */
const entryFiles: { readonly [file: string]: readonly string[] } = {
  'index.ts': ['core', 'client', 'backup', 'broker', 'streams', 'entry'],
}

/** Node modules that only one place may use, types too. */
const confined: readonly { modules: RegExp; layers: readonly string[] }[] = [
  // The command line reads the files that its options name.
  { modules: /^node:fs/, layers: ['storage', 'cli'] },
  { modules: /^node:(net|tls|https?)$/, layers: ['connection', 'http', 'server'] },
]

/** Layers that run in any JavaScript runtime, so import no Node module statically. */
const portable = ['core', 'protocol', 'backend', 'client', 'streams']

interface Import {
  readonly file: string
  readonly layer: string
  readonly specifier: string
  /** Loaded when it is wanted: it runs after the module that wants it. */
  readonly isWanted: boolean
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('.contract.'),
)
const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(source, file), 'utf8')
  const layer = file.includes('/') ? file.split('/')[0]! : 'outside'
  return specifiersIn(text).map((one) => ({ file, layer, ...one }))
})

/** Of imports, also of types, of re-exports, and of imports when they are wanted. */
function specifiersIn(text: string): Pick<Import, 'specifier' | 'isWanted'>[] {
  const statements = text.matchAll(/^(?:import|export)\b[^'"]*?from\s+'([^']+)'/gm)
  const bare = text.matchAll(/^import\s+'([^']+)'/gm)
  const wanted = text.matchAll(/\bimport\('([^']+)'\)/g)
  const named = (matches: Iterable<RegExpExecArray>, isWanted: boolean) =>
    [...matches].map((match) => ({ specifier: match[1]!, isWanted }))
  return [...named(statements, false), ...named(bare, false), ...named(wanted, true)]
}

test('the scan sees the code', () => {
  expect(files.length).toBeGreaterThan(30)
  expect(imports.length).toBeGreaterThan(60)
  const code = `import type { A } from './a.ts'
import { b } from 'b'
import {
  type C,
  d,
} from '../c.ts'
export * as e from './e.ts'
import 'f'
const { g } = await import('./g.ts')`
  const found = specifiersIn(code).map(({ specifier }) => specifier)
  expect(found).toEqual(['./a.ts', 'b', '../c.ts', './e.ts', 'f', './g.ts'])
})

describe('imports', () => {
  test('follow the layers', () => {
    const wrong = imports.filter(({ layer, file, specifier }) => {
      if (!specifier.startsWith('.')) return false
      const target = relative(source, resolve(source, dirname(file), specifier)).split('/')[0]!
      const allowed = layer === 'outside' ? entryFiles[file] : mayImport[layer]
      return target !== layer && !allowed?.includes(target)
    })
    expect(wrong).toEqual([])
  })

  test('are ruled for every file', () => {
    const layers = new Set(imports.map(({ layer }) => layer))
    layers.delete('outside')
    expect([...layers].filter((layer) => !(layer in mayImport))).toEqual([])
  })

  test.each(confined)('of $modules stay in $layers', ({ modules, layers }) => {
    expect(
      imports.filter(({ layer, specifier }) => modules.test(specifier) && !layers.includes(layer)),
    ).toEqual([])
  })

  test('of Node modules stay out of the portable layers', () => {
    expect(
      imports.filter(
        ({ layer, specifier, isWanted }) =>
          portable.includes(layer) && specifier.startsWith('node:') && !isWanted,
      ),
    ).toEqual([])
  })

  test('have no cycles', () => {
    const graph = new Map<string, string[]>(files.map((file) => [file, []]))
    for (const { file, specifier, isWanted } of imports) {
      if (specifier.startsWith('.') && !isWanted)
        graph.get(file)!.push(relative(source, resolve(source, dirname(file), specifier)))
    }
    asOneFile(graph, 'streams/dsl/')
    expect(findCycle(graph)).toEqual([])
  })
})

describe('time and randomness', () => {
  const pattern =
    /\b(?:Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|process\.hrtime)\b|\bcrypto\.randomUUID\(|\bDate\(\)/
  // The last two are of people: who holds a lock since when, and a line on their screen.
  const allowed = [
    ...['core/runtime.ts', 'core/turn.ts'],
    ...['storage/lock-holder.ts', 'cli/console-logger.ts'],
  ]

  test('come from Runtime', () => {
    const wrong = files.filter((file) => pattern.test(readFileSync(join(source, file), 'utf8')))
    expect(wrong.sort()).toEqual([...allowed].sort())
  })

  test.each(['new Date()', 'Date.now()', 'setTimeout(f)', 'x = setImmediate', 'Math.random()'])(
    '%s is noticed',
    (code) => expect(code).toMatch(pattern),
  )

  test.each(['new Date(ms)', 'setTimer(f)', 'runtime.random()'])('%s is fine', (code) =>
    expect(code).not.toMatch(pattern),
  )
})

/** A folder whose classes make one another: streams give tables, and tables streams. */
function asOneFile(graph: Map<string, string[]>, folder: string): void {
  const merged: string[] = []
  for (const [file, imported] of graph) {
    const outside = imported.map((one) => (one.startsWith(folder) ? folder : one))
    if (!file.startsWith(folder)) graph.set(file, outside)
    else {
      merged.push(...outside.filter((one) => one !== folder))
      graph.delete(file)
    }
  }
  graph.set(folder, merged)
}

/** A cycle of runtime or type imports, or an empty list. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file])
      if (cycle.length > 0) return cycle
    }
    done.add(file)
    return []
  }
  for (const file of graph.keys()) {
    const cycle = visit(file, [])
    if (cycle.length > 0) return cycle
  }
  return []
}

/**
 * Bundlers, ours too, take these for pure: where nothing takes the result, they leave out the call, and with it the error
 * that was wanted. What runs from the sources would not show it.
 */
const pureButThrowing =
  /^\s*(?:void )?(?:(?:decode|encode)URI(?:Component)?|BigInt|atob|new (?:URL|RegExp|Intl\.\w+))\(.*\)$/

test('nothing is called only for the error that it throws, where a bundler would leave it out', () => {
  expect('    decodeURIComponent(search)').toMatch(pureButThrowing)
  const wrong = files.flatMap((file) =>
    readFileSync(join(source, file), 'utf8')
      .split('\n')
      .flatMap((line, i) => (pureButThrowing.test(line) ? `${file}:${i + 1} ${line.trim()}` : [])),
  )
  expect(wrong).toEqual([])
})
