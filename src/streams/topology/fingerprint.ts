/**
 * Tells topologies apart: 8 hex digits, equal for equal programs, in whatever process and under whatever name they run. Callbacks
 * do not count, as nothing can be known of them.
 */
import { type Operator, SourceOperator } from '../operator.ts'
import { describeTopology } from './describe.ts'
import { hashText } from './hash.ts'
import { Topology } from './topology.ts'

export function fingerprint(topology: Topology): string {
  const nameless = new Topology('', topology.operators)
  return hashText(JSON.stringify(describeTopology(nameless)))
}

/** The name of an application that was given none. */
export function automaticName(operators: readonly Operator[]): string {
  return `stream-${firstTopicOf(operators)}-${fingerprint(new Topology('', operators))}`
}

/** Of the source that was written first. */
export function firstTopicOf(operators: readonly Operator[]): string | undefined {
  return operators.find((one) => one instanceof SourceOperator)?.topic
}
