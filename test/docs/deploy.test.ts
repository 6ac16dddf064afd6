/** The examples in docs/deploy name only what there is: flags, variables, entries of the config file, paths. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfigFile } from '../../src/cli/config-file.ts'
import { effectiveSettings, toConfig } from '../../src/cli/effective-config.ts'
import { serveOptions, serveSettings } from '../../src/cli/serve-options.ts'
import { resolveServerConfig } from '../../src/server/server-config.ts'

const folder = fileURLToPath(new URL('../../docs/deploy/', import.meta.url))
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const guide = readFileSync(join(folder, '../guide/in-production.md'), 'utf8')

const flags = new Set([...serveSettings.map(({ flag }) => flag), 'config', 'print-config'])
const variables = new Set(serveSettings.map(({ variable }) => variable))

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'kafka-do-deploy-'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

/** What `kafka-do serve` makes of a config file, without opening anything. */
async function accepted(text: string): Promise<ReturnType<typeof resolveServerConfig>> {
  const name = join(scratch, 'kafka-do.json')
  await writeFile(name, text)
  const file = await readConfigFile(name, serveOptions)
  const effective = effectiveSettings(serveSettings, { flags: {}, environment: {}, file })
  const {
    logLevel: _,
    logFormat: __,
    ...config
  } = await toConfig<Record<string, unknown>>(effective, serveOptions)
  return resolveServerConfig(config)
}

/** Flags that stand behind `serve`, in a shell or in a list. */
function flagsIn(text: string): string[] {
  return [...text.matchAll(/serve\b[^\n]*/g)].flatMap(([line]) =>
    [...line.matchAll(/--([a-z-]+)/g)].map(([, flag]) => flag!),
  )
}

test.each(['kafka-do.service', 'Dockerfile', 'kubernetes.yaml'])(
  '%s has flags of kafka-do serve, and no others',
  (name) => {
    for (const flag of flagsIn(read(name))) expect([...flags]).toContain(flag)
  },
)

test('the unit of systemd serves, reloads, and lets it stop in its own time', () => {
  const unit = read('kafka-do.service')
  expect(flagsIn(unit)).toEqual(['config', 'data'])
  expect(unit).toMatch(/^Type=exec$/m)
  expect(unit).toMatch(/^ExecReload=\/bin\/kill -HUP \$MAINPID$/m)
  // What V8 compiles must be run.
  expect(unit).not.toContain('MemoryDenyWriteExecute')
  const lines = unit.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  for (const line of lines) expect(line).toMatch(/^(\[(Unit|Service|Install)\]|[A-Z]\w+=.*)$/)
})

test('the container sets variables that there are, to values that they take', () => {
  const file = read('Dockerfile')
  const given = [...file.matchAll(/(KAFKA_DO_\w+)=(\S+)/g)]
    .map(([, name, value]) => [name!, value!] as const)
    .filter(([name]) => name !== 'KAFKA_DO_ADVERTISED_HOST' || variables.has(name))
  expect(given.length).toBeGreaterThan(6)
  for (const [name] of given) expect([...variables]).toContain(name)
  const environment = Object.fromEntries(given)
  const effective = effectiveSettings(serveSettings, { flags: {}, environment })
  const set = effective.filter(({ origin }) => origin !== undefined)
  expect(set.length).toBe(new Set(given.map(([name]) => name)).size)
  const ports = /EXPOSE (.*)/.exec(file)![1]!.split(' ')
  expect(ports).toEqual([
    '9092',
    environment.KAFKA_DO_HTTP_PORT,
    environment.KAFKA_DO_MANAGEMENT_PORT,
  ])
  expect(file).toContain(`127.0.0.1:${environment.KAFKA_DO_MANAGEMENT_PORT}/readyz`)
})

describe('Kubernetes', () => {
  const text = read('kubernetes.yaml')
  const embedded = /kafka-do\.json: \|\n((?: {4}.*\n)+)/.exec(text)![1]!

  test('the config in it is one that kafka-do takes', async () => {
    const { listeners, drainDelay } = await accepted(embedded)
    const ports = listeners.map(({ port }) => port)
    expect(ports).toEqual([9092, 8080, 9308])
    for (const port of ports) expect(text).toContain(`containerPort: ${port}`)
    const grace = Number(/terminationGracePeriodSeconds: (\d+)/.exec(text)![1])
    expect(grace).toBeGreaterThan((drainDelay + 5000) / 1000)
    expect(text).toContain(`prometheus.io/port: "${ports[2]}"`)
  })

  test('probes ask what the management listener has', () => {
    const paths = [...text.matchAll(/path: (\/\S+)/g)].map(([, path]) => path)
    expect(paths).toEqual(['/livez', '/readyz'])
  })

  test('no tab, and every indentation is of two spaces', () => {
    expect(text).not.toContain('\t')
    const outside = text.replace(embedded, '')
    for (const line of outside.split('\n')) {
      const spaces = /^ */.exec(line)![0].length
      expect([line, spaces % 2]).toEqual([line, 0])
    }
  })
})

test('the config of the guide is one that kafka-do takes', async () => {
  const written = /<<'END'\n(.*?)END/s.exec(guide)![1]!
  expect((await accepted(written)).listeners.map(({ kind }) => kind)).toEqual([
    'kafka',
    'http',
    'management',
  ])
})
