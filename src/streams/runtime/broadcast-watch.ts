/** The group looks after the topics that it shares out; those that tasks read whole are looked after here. */
import type { Cluster } from '../../client/cluster.ts'
import { TopicWatch } from '../../client/consumer/topic-watch.ts'
import type { Plan } from './plan.ts'

/** Calls `grown` when one of them has got partitions, until `closing` aborts. */
export function watchBroadcasts(
  cluster: Cluster,
  plan: Plan,
  closing: AbortSignal,
  grown: (topic: string) => void,
): void {
  const topics = new Set(
    plan.tasks.flatMap(({ broadcasts }) => broadcasts.map(({ topic }) => topic)),
  )
  if (topics.size === 0) return
  const watch = new TopicWatch({
    cluster,
    subscription: {
      hasPatterns: false,
      refresh: async () => {
        await cluster.ensureTopics(topics, { create: false, signal: closing })
        return false
      },
    },
    closing,
    watchesNamed: true,
    looked: () => undefined,
    grown,
  })
  watch.start()
  closing.addEventListener('abort', () => watch.stop(), { once: true })
}
