/** What may pass is tried again, with growing pauses; what will not is not. */
import { Client, KafkaError, TopicNotFoundError, withRetry } from 'kafka-do'

const kafka = new Client()

let attempts = 0
const answer = await withRetry(
  async () => {
    if (++attempts < 3) throw new Error('the other service is busy')
    return 'done'
  },
  { attempts: 5, baseDelay: '10ms', maxDelay: '1s', retryIf: () => true },
)
console.log(`${answer} after ${attempts} attempts`)

try {
  await withRetry(() => kafka.admin.describeTopic('example-no-such-topic'), {
    attempts: 2,
    baseDelay: '10ms',
  })
} catch (error) {
  if (error instanceof TopicNotFoundError) console.log(`not found: ${error.code}`)
  else if (error instanceof KafkaError) console.log(error.code, error.retriable, error.outcome)
  else throw error
}
await kafka.close()
