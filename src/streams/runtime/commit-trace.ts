/** What telemetry is told of a commit: one span for all tasks of a process, since they commit together. */
import type { Cluster } from '../../client/cluster.ts'
import { isActive } from '../../client/telemetry.ts'
import type { RunningTask } from './running-task.ts'

interface TracedCommit {
  readonly cluster: Cluster
  readonly application: string
  readonly transactionalId: string | undefined
  readonly tasks: readonly RunningTask[]
}

/** Calls `commit` once, within telemetry where there is one that wants to know. */
export function traced(
  { cluster, application, transactionalId, tasks }: TracedCommit,
  commit: () => Promise<void>,
): Promise<void> {
  const { telemetry, clientId } = cluster.config
  if (!isActive(telemetry) || !telemetry.commit) return commit()
  return telemetry.commit(
    {
      application,
      clientId,
      transactionalId,
      tasks: tasks.map(({ task }) => task.id),
      count: tasks.reduce((sum, { processed }) => sum + processed, 0),
    },
    commit,
  )
}
