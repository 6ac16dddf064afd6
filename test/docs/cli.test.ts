/** docs/cli.md is what the tables of commands say; `npm run generate:cli` takes what this makes. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { commandLinePage } from '../../scripts/cli/page.ts'

test('docs/cli.md is up to date', async () => {
  const page = fileURLToPath(new URL('../../docs/cli.md', import.meta.url))
  await expect(`${await commandLinePage()}\n`).toMatchFileSnapshot(page)
})
