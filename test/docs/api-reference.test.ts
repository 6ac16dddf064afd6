/** docs/api.md is what the docstrings say, and nothing that is exported lacks one. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/generate-api-reference.js', import.meta.url))

test('docs/api.md is up to date', async () => {
  const { stderr } = await promisify(execFile)(process.execPath, [script, '--check']).catch(
    (error: { stderr: string }) => error,
  )
  expect(stderr).toBe('')
})
