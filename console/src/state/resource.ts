/** What a view shows of the service: loaded, loaded again at intervals and when the service is back, with what went wrong. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { apiKey } from '../api/key.ts'
import { ApiError } from '../api/problem.ts'
import { generation, isGone } from '../api/service.ts'

export interface Resource<T> {
  /** The newest there is; stays when a later attempt fails. */
  readonly data: T | undefined
  readonly error: ApiError | undefined
  readonly isLoading: boolean
  readonly reload: () => void
}

export interface ResourceOptions {
  /** Loaded again so often while the page is seen, milliseconds. Default: it is not. */
  readonly everyMs?: number
}

/** Loads anew when `key` changes; undefined: there is nothing to load. */
export function useResource<T>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<T>,
  { everyMs }: ResourceOptions = {},
): Resource<T> {
  const [state, setState] = useState<{ key?: string; data?: T; error?: ApiError }>({})
  const [round, setRound] = useState(0)
  const [isLoading, setLoading] = useState(false)
  const latest = useRef(load)
  latest.current = load
  const again = `${generation.value} ${apiKey.value} ${round}`

  // `again` asks for another round.
  useEffect(() => {
    if (key === undefined) return
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const run = async () => {
      const began = performance.now()
      setLoading(true)
      try {
        const data = await latest.current(stop.signal)
        if (!stop.signal.aborted) setState({ key, data })
      } catch (error) {
        if (stop.signal.aborted) return
        const shown = error instanceof ApiError ? error : unexpected(error)
        setState((before) => ({
          key,
          error: shown,
          ...(before.key === key && before.data !== undefined && { data: before.data }),
        }))
      } finally {
        if (!stop.signal.aborted) {
          setLoading(false)
          // What takes long to answer is asked for less often.
          if (everyMs !== undefined)
            timer = setTimeout(runIfSeen, Math.max(everyMs, (performance.now() - began) * 5))
        }
      }
    }
    const runIfSeen = () => {
      if (document.hidden || isGone.value) timer = setTimeout(runIfSeen, everyMs)
      else void run()
    }
    void run()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [key, again, everyMs])

  const isOfKey = state.key === key
  return {
    data: isOfKey ? state.data : undefined,
    error: isOfKey ? state.error : undefined,
    isLoading,
    reload: () => setRound((before) => before + 1),
  }
}

function unexpected(error: unknown): ApiError {
  return new ApiError(error instanceof Error ? error.message : String(error), {
    status: 500,
    code: 'UNEXPECTED',
  })
}
