/** The address is the state of a view: what is chosen, filtered and open stands in its query. */
import { useLocation } from 'preact-iso'
import { base, type Query, queryText } from '../api/base.ts'

export interface Place {
  readonly query: { readonly [name: string]: string | undefined }
  /** Changes parameters; empty ones go. `push`: Back leads to what was before. */
  readonly change: (changes: Query, options?: { push?: boolean }) => void
  readonly go: (address: string) => void
}

export function usePlace(): Place {
  const { query, path, route } = useLocation()
  return {
    query,
    change(changes, { push = false } = {}) {
      // The address may have changed since this was rendered.
      const now = Object.fromEntries(new URLSearchParams(location.search))
      route(`${path}${queryText({ ...now, ...changes })}`, !push)
    },
    go: (address) => route(address),
  }
}

export const home = `${base}/`
