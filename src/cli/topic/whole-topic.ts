/** A topic that was just made, as those see it who use it next. */
import type { Admin } from '../../client/admin.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { delay } from '../../core/backoff.ts'
import { TopicNotFoundError } from '../../core/errors.ts'
import type { Io } from '../shell/io.ts'

const lookEveryMs = 50
const waitMs = 10_000

/** A cluster answers when its controller has made a topic; its brokers learn of it a moment later. */
export async function untilTopicIsThere(
  admin: Admin,
  topic: string,
  { runtime, signal }: Io,
): Promise<void> {
  const begunAt = runtime.monotonicNow()
  while (runtime.monotonicNow() - begunAt < waitMs) {
    try {
      await admin.listOffsets(topic, Offset.earliest)
      return
    } catch (error) {
      // Whoever may not look has made it all the same.
      if (!(error instanceof TopicNotFoundError)) return
    }
    await delay(runtime, lookEveryMs, signal)
  }
}
