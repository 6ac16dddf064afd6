/** What docs/coverage.md names is there. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const text = readFileSync(`${root}docs/coverage.md`, 'utf8')
const named = new Set(
  [...text.matchAll(/\(\.\.\/(examples[^)]*)\)|`((?:src|test)\/[^`]*)`/g)].map(
    ([, example, path]) => example ?? path!,
  ),
)

test.each([...named])('%s is there', (path) => {
  expect(existsSync(root + path)).toBe(true)
})
