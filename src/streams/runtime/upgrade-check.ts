/** Whether a program that has changed can go on with the state that is there. */
import { fetchAllCommitted } from '../../client/admin/group-requests.ts'
import type { Cluster } from '../../client/cluster.ts'
import { TopologyChangedError } from '../topology/topology-changed-error.ts'
import { keptShapes } from './committed-times.ts'

/** `shapes`: of the state that the program keeps now, by operator. Throws `TopologyChangedError`. */
export async function checkUpgrade(
  cluster: Cluster,
  application: string,
  shapes: ReadonlyMap<string, string>,
): Promise<void> {
  const committed = await fetchAllCommitted(cluster, application)
  const kept = committed.flatMap(({ metadata }) => Object.entries(keptShapes(metadata)))
  const left = [...new Set(kept.map(([name]) => name))].filter((name) => !shapes.has(name))
  if (left.length > 0) {
    throw changed(
      `The application '${application}' has state of operators that its program does not name any more: ${spelled(left)}. It would be left behind. The program now has ${spelled([...shapes.keys()])}. Give the operators the names that they had ({ store: … }), or pass { upgrade: 'allow' } to begin theirs anew`,
    )
  }
  for (const [name, shape] of kept) {
    if (shapes.get(name) === shape) continue
    throw changed(
      `The state of '${name}' in application '${application}' was kept by another kind of operator: its window, its serialisers or its kind have changed, so it cannot be gone on with. Give the operator another name ({ store: … }) to begin anew, or put it back`,
    )
  }
}

function spelled(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `'${name}'`).join(', ')
}

function changed(message: string): TopologyChangedError {
  return new TopologyChangedError(message, { code: 'TOPOLOGY_CHANGED' })
}
