/**
 * A `describe` of what one client does, for `docs/compatibility.md`: named `<client>: <area>`, with tests named for the
 * feature. The client's version goes with it to the reporter.
 */
import { createRequire } from 'node:module'
import { describe } from 'vitest'

declare module 'vitest' {
  interface TaskMeta {
    /** Of the client that a suite is about. */
    clientVersion?: string
  }
}

const require = createRequire(import.meta.url)
/** Clients that want a newer Node.js than ours are installed apart. */
const requireApart = createRequire(new URL('./platformatic/package.json', import.meta.url))

/** @param version Default: that of the npm package which the client's name is. */
export function describeClient(
  name: `${string}: ${string}`,
  body: () => void,
  version = packageVersion(name.slice(0, name.indexOf(': '))),
): void {
  describe(name, { meta: { clientVersion: version } }, body)
}

function packageVersion(name: string): string {
  // Not every package exports its package.json.
  const from = name.startsWith('@platformatic/') ? requireApart : require
  const entry = from.resolve(name)
  const folder = entry.slice(0, entry.lastIndexOf(`node_modules/${name}/`))
  const { version } = require(`${folder}node_modules/${name}/package.json`) as { version: string }
  return version
}
