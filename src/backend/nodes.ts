/** The nodes of a cluster as backends: one for our broker, as many as it has for another cluster. A listener that routes is given these. */
import type { Backend } from './backend.ts'

export interface Nodes {
  /** Where clients go that have not said which node they want. */
  any(): Promise<Backend> | Backend
  /** Undefined: the cluster has no such node. Rejects when it cannot be reached. */
  node(nodeId: number): Promise<Backend | undefined> | Backend | undefined
  /** Idempotent. Finishes what is in flight. */
  close(): Promise<void>
}

/** A cluster of one. */
export function oneNode(backend: Backend & { readonly nodeId: number }): Nodes {
  return {
    any: () => backend,
    node: (nodeId) => (nodeId === backend.nodeId ? backend : undefined),
    close: () => backend.close(),
  }
}
