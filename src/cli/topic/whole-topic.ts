/** A topic that was just made, as those see it who use it next. */
import type { Admin } from '../../client/admin.ts'
import { Offset } from '../../client/consumer/offset.ts'

/**
 * A cluster answers when its controller has made a topic; its brokers learn of it a moment later, for which the client that
 * made it waits. Whoever may not look has made it all the same.
 */
export async function untilTopicIsThere(admin: Admin, topic: string): Promise<void> {
  await admin.listOffsets(topic, Offset.earliest).catch(() => undefined)
}
