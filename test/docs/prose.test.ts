/** Prose is wrapped at 100 columns: in code blocks, tables, and pages that are generated it is not looked at. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const generated = [
  ...['api.md', 'cli.md', 'compatibility.md', 'configuration.md', 'metrics.md'],
  'topic-configs.md',
]
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !generated.includes(name))
    .map((name) => join('docs', name)),
]

test.each(pages)('%s is wrapped', (page) => {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/```.*?```/gs, '')
  const long = text
    .split('\n')
    // What has no space before column 100 cannot be broken there.
    .filter((line) => line.length > 100 && !/^\s*\|/.test(line))
    .filter((line) => line.trim().lastIndexOf(' ', 100) > 4)
  expect(long).toEqual([])
})
