/** Where this console is mounted, without a slash at its end: the API is beside it. */
export const base = new URL(document.baseURI).pathname.replace(/\/+$/, '')

/** The address of a page of the console. Parts of a path are encoded; empty parameters are left out. */
export function pageAt(path: readonly string[], query: Query = {}): string {
  return `${base}/${path.map(encodeURIComponent).join('/')}${queryText(query)}`
}

export interface Query {
  readonly [name: string]: string | number | boolean | undefined
}

export function queryText(query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') search.set(name, String(value))
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}
