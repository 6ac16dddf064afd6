/** As `Loaded`, for what there is only where access control is on. */
import type { ComponentChildren } from 'preact'
import type { Resource } from '../state/resource.ts'
import { Empty, Loaded } from './notices.tsx'

const offCodes = new Set(['SECURITY_DISABLED', 'UNSUPPORTED_VERSION', 'UNKNOWN_TOPIC_OR_PARTITION'])

export function LoadedAccess<T>(props: {
  resource: Resource<T>
  what: string
  children: (data: T) => ComponentChildren
}) {
  const { error } = props.resource
  if (error && offCodes.has(error.code)) {
    return (
      <Empty>
        There are none: the service runs without access control.{' '}
        <code>kafka-do serve --access keys</code> turns it on.
      </Empty>
    )
  }
  return <Loaded {...props} />
}
