/** The page of results: what a run writes, and what it leaves as it was. */
import { expect, test } from 'vitest'
import {
  type ClientTable,
  formatTables,
  parseTables,
  sectionOf,
  withSection,
} from './compatibility-document.ts'
import { isWholeRun, joinRun, type RanTest } from './compatibility-run.ts'

const tables: readonly ClientTable[] = [
  {
    client: '@a/client',
    version: '2.1.0',
    rows: [
      { area: 'admin', feature: 'create', result: 'yes' },
      { area: 'admin', feature: 'a | b', result: 'no' },
      { area: 'groups', feature: 'join', result: 'not run: no Java' },
    ],
  },
  {
    client: 'kcat',
    version: '1.7.1 (librdkafka 2.8.0)',
    rows: [{ area: 'all', feature: 'x', result: 'yes' }],
  },
  { client: 'Without version', version: '', rows: [{ area: 'a', feature: 'b', result: 'yes' }] },
]

function ran(name: string, feature: string, state: RanTest['state'] = 'passed'): RanTest {
  const [client = '', area = ''] = name.split(': ')
  return { client, version: '3.0.0', area, feature, state }
}

test('what is written can be read again', () => {
  const known = { '@a/client': [{ what: 'No snappy', why: 'It has no codec' }] }
  const section = formatTables(tables, known)
  expect(section).toContain('Known differences:\n\n- No snappy. It has no codec.')
  expect(parseTables(section)).toEqual(tables)
})

test('a section is replaced, the others stay', () => {
  const first = withSection('', 'kafka', 'old')
  const second = withSection(first, 'apis', 'table')
  const third = withSection(second, 'conformance', formatTables(tables, {}))
  const last = withSection(third, 'kafka', 'new')
  expect(sectionOf(last, 'kafka')).toBe('new')
  expect(sectionOf(last, 'apis')).toBe('table')
  expect(parseTables(sectionOf(last, 'conformance'))).toEqual(tables)
  expect(withSection(last, 'kafka', 'new')).toBe(last)
})

test('a run of some areas leaves those of others', () => {
  const joined = joinRun(tables, [ran('@a/client: admin', 'delete', 'failed')], false)
  expect(joined).toEqual([
    {
      client: '@a/client',
      version: '3.0.0',
      rows: [
        { area: 'groups', feature: 'join', result: 'not run: no Java' },
        { area: 'admin', feature: 'delete', result: 'no' },
      ],
    },
    tables[1],
    tables[2],
  ])
})

test('a whole run forgets what is no longer there', () => {
  const joined = joinRun(tables, [ran('kcat: all', 'y')], true)
  expect(joined).toEqual([
    { client: 'kcat', version: '3.0.0', rows: [{ area: 'all', feature: 'y', result: 'yes' }] },
  ])
})

test('a run is whole when every file was loaded and none was hidden', () => {
  const loaded = new Set(['a', 'b'])
  expect(isWholeRun({ project: [] }, ['a', 'b'], loaded)).toBe(true)
  expect(isWholeRun({}, ['a', 'b', 'c'], loaded)).toBe(false)
  expect(isWholeRun({ project: ['kafka'] }, ['a'], loaded)).toBe(false)
  expect(isWholeRun({ cliExclude: ['c'] }, ['a', 'b'], loaded)).toBe(false)
  expect(isWholeRun({ dir: 'test/x' }, ['a', 'b'], loaded)).toBe(false)
})

test('an area that was skipped, wholly or in part and without a reason, keeps its rows', () => {
  const tests = [
    ran('@a/client: admin', 'create'),
    ran('@a/client: admin', 'delete', 'skipped'),
    ran('kcat: all', 'x', 'skipped'),
  ]
  const joined = joinRun(tables, tests, true)
  expect(joined.map(({ client }) => client)).toEqual(['@a/client', 'kcat'])
  expect(joined[0]?.rows).toEqual(tables[0]?.rows.slice(0, 2))
})

test('a test that was skipped with its reason says so', () => {
  const joined = joinRun(
    [],
    [ran('kcat: all', 'zstd (not run: needs it (really))', 'skipped')],
    true,
  )
  expect(joined[0]?.rows).toEqual([
    { area: 'all', feature: 'zstd', result: 'not run: needs it (really)' },
  ])
})
