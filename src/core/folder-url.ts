/**
 * Where data lies, as applications write it.
 *
 *   file:./dir · file:dir · file:/abs/dir   a path, taken as it is; relative to the working directory
 *   file:///abs/dir                         a URL as `new URL` and `import.meta.url` have it: percent-encoded
 */
import { invalid } from './options.ts'

/** The folder of a `file:` URL; `name` is what errors call it. Throws `ConfigError` for one that names no folder of this machine. */
export function folderOfUrl(url: string, name: string): string {
  const rest = url.slice('file:'.length)
  const folder = rest.startsWith('//') ? decoded(rest.slice(2), url, name) : rest
  if (folder !== '' && !folder.includes('\0')) return folder
  throw invalid(`${name} '${url}' names no folder; write file:./folder or file:/absolute/folder`)
}

function decoded(path: string, url: string, name: string): string {
  if (path !== '' && !path.startsWith('/')) {
    throw invalid(
      `${name} '${url}' names a folder on another host; write file:./folder or file:///absolute/folder`,
    )
  }
  if (/[?#]/.test(path))
    throw invalid(`${name} '${url}' has a query or a fragment; write '?' as %3F and '#' as %23`)
  try {
    // A drive of Windows stands behind a slash.
    return decodeURIComponent(path).replace(/^\/(?=[A-Za-z]:)/, '')
  } catch {
    throw invalid(`${name} '${url}' is not percent-encoded as it should be; write '%' as %25`)
  }
}
