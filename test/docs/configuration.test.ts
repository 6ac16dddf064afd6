/**
 * docs/configuration.md and the docstrings of the configs are what the tables of options say.
 * `npm run generate:config` writes both: it runs these tests and takes what they make.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { membersOf, withDocstrings } from '../../scripts/configuration/docstrings.ts'
import { documentedInterfaces } from '../../scripts/configuration/interfaces.ts'
import { configKinds, tablesWithin } from '../../scripts/configuration/kinds.ts'
import { configurationPage } from '../../scripts/configuration/page.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const files = [...new Set(documentedInterfaces.map(({ file }) => file))]

test('docs/configuration.md is up to date', async () => {
  await expect(configurationPage()).toMatchFileSnapshot(`${root}docs/configuration.md`)
})

test.each(files)('the docstrings of %s say what the table says', async (file) => {
  const written = readFileSync(`${root}${file}`, 'utf8')
  const made = documentedInterfaces
    .filter((declared) => declared.file === file)
    .reduce(withDocstrings, written)
  await expect(made).toMatchFileSnapshot(`${root}${file}`)
})

const tables = configKinds.flatMap(({ name, table }) => [
  [name, table] as const,
  ...tablesWithin(name, table),
])

describe.each(tables)('%s', (_, table) => {
  test.each(Object.entries(table))('%s is documented', (key, { doc }) => {
    expect(doc).toMatch(/^\S.*\S$/)
    // Each has a place in an interface that users write, where an editor shows the same.
    const places = documentedInterfaces.filter((declared) => declared.table[key]?.doc === doc)
    const members = places.flatMap(({ file, name }) =>
      membersOf(readFileSync(`${root}${file}`, 'utf8'), name),
    )
    expect(members).toContain(key)
  })
})
