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
  connection: ['core', 'protocol'],
  client: ['core', 'protocol', 'connection'],
  opentelemetry: ['core', 'client'],
  storage: ['core'],
  broker: ['core', 'protocol', 'storage'],
  server: ['core', 'protocol', 'storage', 'broker'],
  cli: ['core', 'server'],
  testing: ['core', 'protocol', 'storage', 'broker', 'connection', 'client'],
}

/** Node modules that only one place may use. Type-only imports count too. */
const confined: readonly { modules: RegExp; layers: readonly string[] }[] = [
  // The command line reads the files that its options name.
  { modules: /^node:fs/, layers: ['storage', 'cli'] },
  { modules: /^node:(net|tls|https?)$/, layers: ['connection', 'server'] },
]

/** Layers that run in any JavaScript runtime, so import no Node module statically. */
const portable = ['core', 'protocol', 'client']

interface Import {
  readonly file: string
  readonly layer: string
  readonly specifier: string
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('.contract.'),
)
const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(source, file), 'utf8')
  const layer = file.includes('/') ? file.split('/')[0]! : 'entry'
  return [...text.matchAll(/^(?:import|export)\b(?! type)[^'"]*?from\s+'([^']+)'/gm)].map(
    (match) => ({
      file,
      layer,
      specifier: match[1]!,
    }),
  )
})

test('the scan sees the code', () => {
  expect(files.length).toBeGreaterThan(30)
  expect(imports.length).toBeGreaterThan(60)
})

describe('imports', () => {
  test('follow the layers', () => {
    const wrong = imports.filter(({ layer, file, specifier }) => {
      if (!specifier.startsWith('.') || !(layer in mayImport)) return false
      const target = relative(source, resolve(source, dirname(file), specifier)).split('/')[0]!
      return target !== layer && !mayImport[layer]!.includes(target)
    })
    expect(wrong).toEqual([])
  })

  test.each(confined)('of $modules stay in $layers', ({ modules, layers }) => {
    expect(
      imports.filter(({ layer, specifier }) => modules.test(specifier) && !layers.includes(layer)),
    ).toEqual([])
  })

  test('of Node modules stay out of the portable layers', () => {
    expect(
      imports.filter(
        ({ layer, specifier }) => portable.includes(layer) && specifier.startsWith('node:'),
      ),
    ).toEqual([])
  })

  test('have no cycles', () => {
    const graph = new Map<string, string[]>(files.map((file) => [file, []]))
    for (const { file, specifier } of imports) {
      if (specifier.startsWith('.'))
        graph.get(file)!.push(relative(source, resolve(source, dirname(file), specifier)))
    }
    expect(findCycle(graph)).toEqual([])
  })
})

describe('time and randomness', () => {
  test('come from Runtime', () => {
    const allowed = new Set(['core/runtime.ts', 'core/turn.ts'])
    const pattern =
      /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|crypto\.randomUUID)\(/
    const wrong = files.filter(
      (file) => !allowed.has(file) && pattern.test(readFileSync(join(source, file), 'utf8')),
    )
    expect(wrong).toEqual([])
  })
})

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
