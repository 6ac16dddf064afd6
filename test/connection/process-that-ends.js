/** Processes of which `closing.test.ts` looks whether they end by themselves: `node process-that-ends.js WHAT URL`. */
import { Client } from '../../dist/index.js'

const [what, url] = process.argv.slice(2)

const programs = {
  async closesItsClient() {
    const kafka = new Client(url)
    await kafka.produce('t', 'x')
    await kafka.close()
  },
  async keepsAnIdleConnection() {
    await new Client(url).produce('t', 'x')
  },
  /** A long poll that is never answered. */
  async givesUpAnAnswer() {
    const kafka = new Client(url)
    await kafka.produce('t', 'x')
    const consumer = kafka.consumer('t')
    const reading = consumer.take(1).toArray()
    await kafka.admin.describeTopic('t')
    await consumer.close()
    await reading
  },
  async closesBeforeItIsConnected() {
    const kafka = new Client({ url, timeout: 200, retries: 0 })
    await kafka.admin.listTopics().catch(() => undefined)
    await kafka.close()
  },
}

await programs[what]()
console.log('done')
