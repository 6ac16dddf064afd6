/** What fetches over a network: one request that stalls, or fails, fails nothing. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { download, npmInstall } from '../../scripts/download.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-do-download-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('what fails is tried again, without what it left', async () => {
  const script = `printf x >> attempts
if [ -e left ]; then printf '!' >> attempts; fi
touch left
[ "$(wc -c < attempts)" -ge 3 ] && echo done`
  const prepare = async () => rmSync(join(folder, 'left'), { force: true })
  expect(await download('sh', ['-c', script], { cwd: folder, prepare })).toBe('done\n')
  expect(readFileSync(join(folder, 'attempts'), 'utf8')).toBe('xxx')
})

test('what hangs is killed, with all that it started, and the error says how far each attempt came', async () => {
  // What it started holds the same pipes.
  const script = 'echo asking for the moon >&2; sleep 1000 & wait'
  await expect(download('sh', ['-c', script], { seconds: 1 })).rejects.toThrow(
    /failed 3 times:\nattempt 1: killed after 1 s\n {2}asking for the moon\nattempt 2: .*\n.*\nattempt 3: /,
  )
})

test('a program that is not there is not tried again', async () => {
  await expect(download('kafka-do-no-such-program', [])).rejects.toMatchObject({ code: 'ENOENT' })
})

test('an error says which request of npm’s failed', async () => {
  writeFileSync(join(folder, 'package.json'), '{ "dependencies": { "of-the-moon": "1.0.0" } }')
  writeFileSync(join(folder, 'package-lock.json'), 'not a lock file')
  let requests = 0
  const registry = createServer((_, response) => {
    requests++
    response.writeHead(404).end('{}')
  })
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`
  try {
    await expect(
      npmInstall(folder, [`--registry=${url}`, `--cache=${join(folder, 'cache')}`]),
    ).rejects.toThrow(`${url}of-the-moon`)
    expect(requests).toBe(3)
    expect(existsSync(join(folder, 'package-lock.json'))).toBe(false)
  } finally {
    registry.close()
  }
})
