/**
 * Tells topologies apart: 8 hex digits, equal for equal programs, in whatever process and under whatever name they run. Callbacks
 * do not count, as nothing can be known of them.
 */
import { describeTopology } from './describe.ts'
import { hashText } from './hash.ts'
import { Topology } from './topology.ts'

export function fingerprint(topology: Topology): string {
  const nameless = new Topology('', topology.operators)
  return hashText(JSON.stringify(describeTopology(nameless)))
}
