/** What went wrong, what is denied, what is empty, and what is waited for. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { apiKey, signOut } from '../api/key.ts'
import type { ApiError } from '../api/problem.ts'
import { isGone, lookNow, nextLook, waiting } from '../api/service.ts'
import type { Resource } from '../state/resource.ts'

export function Problem({ error, what }: { error: ApiError; what: string }) {
  if (error.isGone) return null
  if (error.isDenied) {
    return (
      <div class="notice denied" role="alert">
        <strong>
          {apiKey.value === '' ? 'You' : 'This key'} may not see {what}.
        </strong>
        {error.needs && (
          <span>
            {' '}
            The missing right: <code>{error.needs}</code>.
          </span>
        )}{' '}
        <span class="dim">{error.message}</span>{' '}
        {apiKey.value !== '' && (
          <button type="button" class="link" onClick={signOut}>
            Use another key
          </button>
        )}
      </div>
    )
  }
  return (
    <div class="notice bad" role="alert">
      <strong>{sentence(what)} could not be loaded.</strong> <span>{error.message}</span>{' '}
      <code>{error.code}</code>
    </div>
  )
}

/** Shows what is loaded, what is waited for, or why there is none. */
export function Loaded<T>({
  resource,
  what,
  children,
}: {
  resource: Resource<T>
  what: string
  children: (data: T) => ComponentChildren
}) {
  const { data, error } = resource
  return (
    <>
      {error && <Problem error={error} what={what} />}
      {data !== undefined ? children(data) : !error && <p class="dim">Loading {what} …</p>}
    </>
  )
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

/** The service does not answer. */
export function GoneBanner() {
  const now = useClock(isGone.value ? 250 : undefined)
  if (!isGone.value) return null
  const seconds = Math.max(0, Math.ceil((nextLook.value - now) / 1000))
  return (
    <div class="banner" role="alert">
      <span>
        <strong>The service does not answer.</strong> What is shown may be old.{' '}
      </span>
      <span aria-hidden="true">
        {nextLook.value === 0 ? 'Trying …' : `Trying again in ${seconds} s.`}
      </span>{' '}
      <button type="button" onClick={() => void lookNow()}>
        Try now
      </button>
    </div>
  )
}

const slowMs = 1000

/** What takes longer than a second is named. */
export function SlowStatus() {
  const now = useClock(waiting.value.length > 0 ? 500 : undefined)
  const slow = waiting.value.filter(
    ({ since, what }) => now - since >= slowMs && !what.startsWith('the live'),
  )
  const [first] = slow
  return (
    <div class="slow" role="status">
      {first && (
        <span class="slow-text">
          Waiting for {first.what}
          {slow.length > 1 && ` and ${slow.length - 1} more`},{' '}
          {Math.floor((now - first.since) / 1000)} s
        </span>
      )}
    </div>
  )
}

/** The time, as often as it is wanted, epoch milliseconds. */
export function useClock(everyMs: number | undefined): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (everyMs === undefined) return
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
