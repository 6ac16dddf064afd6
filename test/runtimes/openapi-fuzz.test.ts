/** schemathesis (PyPI) makes requests of the OpenAPI document: none may be a failure of the server's, and answers are as it says. */
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { createServer } from '../../src/server/server.ts'
import { cachedFolder } from '../conformance/librdkafka/cache-folder.ts'
import { run, runDownload } from '../conformance/librdkafka/tool.ts'

const requirement = 'schemathesis==4.32.5'

test(requirement, { timeout: 600_000 }, async () => {
  const folder = await cachedFolder('schemathesis', requirement, async (into) => {
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location']
    const prepare = async () => {
      await rm(into, { recursive: true, force: true })
      await mkdir(into)
    }
    const args = ['-m', 'pip', 'install', ...quiet, '--target', into, requirement]
    await runDownload('python3', args, { prepare })
  })
  await using server = await createServer({
    ...{ data: 'memory:', port: 0, httpPort: 0 },
    // What waits would only make it longer.
    http: { maxWait: '100ms', ping: '100ms' },
  })
  const checks = 'not_a_server_error,content_type_conformance,response_schema_conformance'
  const env = { ...process.env, PYTHONPATH: folder }
  const printed = await run(
    'python3',
    [
      ...[
        '-c',
        'from schemathesis.cli import schemathesis; schemathesis()',
        'run',
        `${server.httpUrl}/v1/openapi.json`,
        '--checks',
        checks,
      ],
      ...['--max-examples', '30', '--request-timeout', '10', '--suppress-health-check', 'all'],
    ],
    // Where it keeps what it found.
    { env, cwd: tmpdir() },
  )
  expect(printed).toMatch(/(\d+) generated, \1 passed/)
  expect(server.connections).toBeGreaterThanOrEqual(0)
})
