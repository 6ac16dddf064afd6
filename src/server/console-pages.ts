/** The console's files from the package, ready to be served. Read when the first page is asked for. */
import { createHash } from 'node:crypto'
import { type ConsoleFile, createPages, type Pages } from '../http/console/pages.ts'
import { readPackageFolder } from '../storage/package-files.ts'

export function consolePages(basePath = ''): Pages {
  return createPages({ load: loadConsole, basePath })
}

/** `a.js.br` and `a.js.gz` are `a.js`, compressed. */
async function loadConsole(): Promise<ConsoleFile[]> {
  const files = new Map(
    (await readPackageFolder('dist/console')).map(({ path, bytes }) => [path, bytes]),
  )
  const found: ConsoleFile[] = []
  for (const [path, body] of files) {
    if (/\.(?:br|gz)$/.test(path)) continue
    const br = files.get(`${path}.br`)
    const gzip = files.get(`${path}.gz`)
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22)
    found.push({ path, body, hash, encoded: { ...(br && { br }), ...(gzip && { gzip }) } })
  }
  return found
}
