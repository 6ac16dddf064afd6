/** Our streams at Apache Kafka while their processes are killed, or replaced by a newer program. */
import { expect, test } from 'vitest'
import { runWithKills, runWithUpgrade } from '../../streams/worker-kills.ts'
import { startApacheKafka } from '../apache-kafka.ts'
import { describeJava } from '../describe-java.ts'

const seed = Date.now() % 1_000_000

describeJava('processes of a stream application at Apache Kafka', () => {
  const timeout = 600_000
  const properties = { 'group.min.session.timeout.ms': 500 }

  test('die: each record is counted once', { timeout }, async () => {
    await using kafka = await startApacheKafka({ properties })
    const trial = { url: kafka.url, records: 100_000, workers: 3, seed, sessionTimeout: '3s' }
    await runWithKills(trial, { killsMin: 4, everyMs: 5000 })
    expect(kafka.log).not.toMatch(/FATAL/)
  })

  test('are replaced, one by one', { timeout }, async () => {
    await using kafka = await startApacheKafka({ properties })
    const trial = { url: kafka.url, records: 20_000, workers: 2, seed, sessionTimeout: '3s' }
    await runWithUpgrade(trial)
  })
})
