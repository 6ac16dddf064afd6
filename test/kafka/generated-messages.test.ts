/** The generated messages are what the generator makes from the definitions in Apache Kafka's own client jar. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { describeJava } from './describe-java.ts'
import { kafkaJar, kafkaVersion } from './java-class-path.ts'

const generator = fileURLToPath(new URL('../../scripts/generate-messages/main.js', import.meta.url))

describeJava('generated messages', () => {
  test(`regenerating them from kafka-clients ${kafkaVersion} leaves no difference`, async () => {
    const jar = await kafkaJar('kafka-clients')
    const { stdout } = await promisify(execFile)(process.execPath, [generator, jar, '--check'])
    expect(stdout).toMatch(/^[1-9]\d* files agree with /)
  })
})
