/** Exactly once at Apache Kafka: our workers are killed in the middle of their transactions. */
import { expect, test } from 'vitest'
import { checkOutput, runWithKills, seedInput } from '../exactly-once/kills.ts'
import { startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'

describeJava('exactly once at Apache Kafka', () => {
  test.each([0, 2])(
    'with transaction.version %i, workers die',
    { timeout: 600_000 },
    async (version) => {
      const properties = { 'group.min.session.timeout.ms': 500 }
      await using kafka = await startApacheKafka({ properties, transactionVersion: version })
      await seedInput(kafka.url)
      await runWithKills({ url: kafka.url, workers: 2 })
      await checkOutput(kafka.url)
      expect(kafka.log).not.toMatch(/FATAL/)
    },
  )
})
