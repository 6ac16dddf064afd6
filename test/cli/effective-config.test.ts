/** Settings of `kafka-do serve` from flags, the environment and a config file: which counts, and what is told of a mistake. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ConfigFile, readConfigFile } from '../../src/cli/config-file.ts'
import {
  effectiveSettings,
  type Sources,
  toConfig,
  unknownVariables,
} from '../../src/cli/effective-config.ts'
import { serveOptions, serveSettings, settingsOf } from '../../src/cli/serve-options.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { documented } from '../../src/core/option-text.ts'
import { integer, listOf, nested, pem } from '../../src/core/options.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-do-settings-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function fileWith(content: unknown): Promise<ConfigFile> {
  const name = join(folder, 'kafka-do.json')
  await writeFile(name, typeof content === 'string' ? content : JSON.stringify(content))
  return readConfigFile(name, serveOptions)
}

async function configOf({
  flags = {},
  environment = {},
  file,
}: Omit<Partial<Sources>, 'file'> & { readonly file?: unknown }): Promise<object> {
  const read = file === undefined ? undefined : await fileWith(file)
  const effective = effectiveSettings(serveSettings, { flags, environment, file: read })
  return toConfig(effective, serveOptions)
}

async function mistakeOf(sources: Parameters<typeof configOf>[0]): Promise<string> {
  const error: unknown = await configOf(sources).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).message.replaceAll(`${folder}/`, '')
}

test('without any source everything is as the server has it by itself', async () => {
  expect(await configOf({})).toEqual({})
})

const inAll = serveSettings.filter(({ isOnlyInFile }) => !isOnlyInFile)

describe.each(inAll)('$entry', ({ entry, flag, variable, path, option }) => {
  test('has a flag and a variable of its own', () => {
    expect(serveSettings.filter((other) => other.flag === flag)).toHaveLength(1)
    expect(serveSettings.filter((other) => other.variable === variable)).toHaveLength(1)
    expect(variable).toBe(`KAFKA_DO_${flag.toUpperCase().replaceAll('-', '_')}`)
    expect(entry).toBe(path.join('.'))
  })

  test('is refused by the name of its source', async () => {
    const isText = option.type.kind === 'text' || option.type.kind === 'pem'
    const wrong = isText ? ' ' : 'neither this nor that'
    if (option.type.kind !== 'boolean') {
      expect(await mistakeOf({ flags: { [flag]: wrong } })).toMatch(`--${flag} must be `)
    }
    expect(await mistakeOf({ environment: { [variable]: wrong } })).toMatch(`${variable} must be `)
    const inFile = path.reduceRight<unknown>((value, key) => ({ [key]: value }), [])
    expect(await mistakeOf({ file: inFile })).toMatch(`kafka-do.json: ${entry} must be `)
  })
})

test.each<[Parameters<typeof configOf>[0], number]>([
  [{ flags: { port: '1' }, environment: { KAFKA_DO_PORT: '2' }, file: { port: 3 } }, 1],
  [{ environment: { KAFKA_DO_PORT: '2' }, file: { port: 3 } }, 2],
  [{ environment: { KAFKA_DO_PORT: '' }, file: { port: 3 } }, 3],
  [{ environment: { KAFKA_DO_PORT: 'tcp://10.0.0.1:9092' }, file: { port: 3 } }, 3],
])('of %j the port is %d', async (sources, port) => {
  expect(await configOf(sources)).toMatchObject({ port })
})

test('options that contradict each other are judged together, whatever their sources', async () => {
  // 20,000 partitions are too many for the file's limit, but not for the flag's.
  const file = { broker: { defaultPartitions: 20_000 } }
  const flags = { 'max-partitions-per-topic': '50000' }
  expect(await configOf({ file, flags })).toMatchObject({ broker: { defaultPartitions: 20_000 } })
  expect(await mistakeOf({ file, flags: { 'max-partitions-per-topic': '5' } })).toBe(
    'kafka-do.json: broker.defaultPartitions (20000) must not pass --max-partitions-per-topic (5)',
  )
  expect(await mistakeOf({ environment: { KAFKA_DO_TLS_CERT: 'x.pem' } })).toBe(
    'KAFKA_DO_TLS_CERT and --tls-key go together: give both',
  )
})

test.each<[unknown, string | RegExp]>([
  ['{ "port": ', /^The config file kafka-do.json is not JSON: /],
  ['[]', /^The config file kafka-do.json must hold an object, such as .*; got an array of 0$/],
  ['null', /must hold an object, such as .*; got null$/],
  ['"x"', /must hold an object, such as .*; got "x"$/],
  [
    { prt: 1 },
    /^kafka-do.json: it has no option 'prt'. Did you mean 'port'\? Known options: data, /,
  ],
  [{ broker: 5 }, 'kafka-do.json: broker must be an object; got 5'],
  [
    { broker: { retenton: 5 } },
    /^kafka-do.json: broker has no option 'retenton'. Did you mean 'retention'\?/,
  ],
  [{ broker: { 'node.id': 5 } }, /Did you mean 'nodeId'\?/],
  [{ broker: { retention: 'soon' } }, /^kafka-do.json: broker.retention must be milliseconds/],
  [{ port: '9092' }, 'kafka-do.json: port must be a whole number from 0 to 65535; got "9092"'],
  [{ logger: {} }, 'kafka-do.json: logger can only be given in code'],
  [{ toString: 5 }, /has no option 'toString'/],
])('a file with %j: %s', async (file, says) => {
  expect(await mistakeOf({ file })).toMatch(says)
})

test("a config file's certificates are beside it, and all that are missing are named in order", async () => {
  await writeFile(join(folder, 'cert.pem'), 'a certificate')
  await writeFile(join(folder, 'key.pem'), 'a key')
  expect(await configOf({ file: { tls: { cert: 'cert.pem', key: 'key.pem' } } })).toMatchObject({
    tls: { cert: 'a certificate', key: 'a key' },
  })
  const missing = await mistakeOf({
    flags: { 'tls-ca': '/no/ca' },
    environment: { KAFKA_DO_TLS_KEY: '/no/key' },
    file: { tls: { cert: 'no.pem' } },
  })
  expect(missing).toMatch(
    /^kafka-do.json: tls.cert no.pem cannot be read: .*; KAFKA_DO_TLS_KEY \/no\/key cannot be read: .*; --tls-ca \/no\/ca cannot be read: /,
  )
})

test('a list is only in a config file; its certificates, too, are beside it', async () => {
  const tls = nested(undefined, { cert: pem(), key: pem() }, (given) => given)
  const listener = { port: integer(9092, { min: 0 }), tls }
  const table = { listeners: listOf(undefined, listener, (given) => given) }
  const settings = settingsOf(documented(table, {}))
  const name = join(folder, 'listeners.json')
  const configOfListeners = async (listeners: unknown) => {
    await writeFile(name, JSON.stringify({ listeners }))
    const file = await readConfigFile(name, table)
    const sources = { flags: {}, environment: { KAFKA_DO_LISTENERS: 'x' }, file }
    return toConfig(effectiveSettings(settings, sources), table)
  }
  await writeFile(join(folder, 'cert.pem'), 'a certificate')
  expect(await configOfListeners([{ port: 1 }, { tls: { cert: 'cert.pem' } }])).toEqual({
    listeners: [{ port: 1 }, { tls: { cert: 'a certificate' } }],
  })
  await expect(configOfListeners([{ tls: { key: 'no1', cert: 'no2' } }])).rejects.toThrow(
    /listeners.json: listeners\[0\].tls.cert .*no2 cannot be read.*; .*listeners\[0\].tls.key .*no1 cannot/,
  )
  await expect(configOfListeners([{ port: 'x' }])).rejects.toThrow(
    /listeners.json: listeners\[0\].port must be a whole number/,
  )
  await expect(configOfListeners([{ prt: 1 }])).rejects.toThrow(
    /listeners.json: listeners\[0\] has no option 'prt'. Did you mean 'port'/,
  )
  for (const wrong of [[], {}, [5], [null], 'x']) {
    await expect(configOfListeners(wrong)).rejects.toThrow(/listeners(\[0\])? must be an /)
  }
})

test.each([
  ['./data', () => join(folder, 'data')],
  ['file:./data', () => join(folder, 'data')],
  ['file:///with%20space', () => '/with space'],
  ['/data', () => '/data'],
  ['memory:', () => 'memory:'],
])("a config file's data %j is where the file says", async (data, expected) => {
  expect(await configOf({ file: { data } })).toEqual({ data: expected() })
  // What a flag says is the working directory's.
  const folderGiven = data.startsWith('file:') ? expected().replace(`${folder}/`, './') : data
  expect(await configOf({ flags: { data } })).toEqual({ data: folderGiven })
})

test('a variable that is nearly one of ours is told of; those of others are not', () => {
  const environment = {
    KAFKA_DO_MAX_CONECTIONS: '1',
    KAFKA_DO_PORT: '1',
    KAFKA_DO_CONFIG: 'x',
    KAFKA_DO_URL: 'x',
    KAFKA_DO_SERVICE_HOST: 'x',
    PATH: 'x',
  }
  expect(unknownVariables(serveSettings, environment)).toEqual([
    'There is no setting KAFKA_DO_MAX_CONECTIONS in the environment. Did you mean KAFKA_DO_MAX_CONNECTIONS?',
  ])
})
