/** Which source's `onError` holds for a record: behind repartitions it is looked for among the sources that lead there. */
import { type Operator, type RepartitionOperator, SourceOperator } from '../operator.ts'
import type { StreamErrorPolicy } from './stream-error-policy.ts'

/** Undefined: the application's, also where sources that say different things lead to `entry`. */
export function sourcePolicy(
  entry: SourceOperator | RepartitionOperator,
): StreamErrorPolicy | undefined {
  if (entry instanceof SourceOperator) return entry.onError
  const policies = new Set(
    sourcesOf(entry)
      .filter(({ isGlobal }) => !isGlobal)
      .map(({ onError }) => onError),
  )
  return policies.size === 1 ? [...policies][0] : undefined
}

function sourcesOf(operator: Operator): SourceOperator[] {
  const found = new Set<Operator>()
  const open = [operator]
  for (let next = open.pop(); next; next = open.pop()) {
    if (found.has(next)) continue
    found.add(next)
    open.push(...next.parents)
  }
  return [...found].filter((one) => one instanceof SourceOperator)
}
