/** What we believe Apache Kafka to serve is what its own client jar says. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { describeJava } from '../../kafka/describe-java.ts'
import { kafkaJar, kafkaVersion } from '../../kafka/java-class-path.ts'
import { type KafkaApi, kafkaApisFile } from '../compatibility-apis.ts'

interface Definition {
  readonly type: string
  readonly name: string
  readonly apiKey: number
  readonly listeners: readonly string[]
  readonly stable: { readonly from: number; readonly to: number }
}
interface SchemaReader {
  readMessages(jar: string): ReadonlyMap<string, Definition>
}

/** The generator's own; it has no types. */
const schemaModule: string = '../../../scripts/generate-messages/schema.js'

describeJava('APIs of Apache Kafka', () => {
  test('are those that its jar defines (UPDATE_DOCS=1 writes them)', async () => {
    const { readMessages } = (await import(schemaModule)) as SchemaReader
    const definitions = [...readMessages(await kafkaJar('kafka-clients')).values()]
    const apis = definitions
      .filter(({ type, stable }) => type === 'request' && stable.from <= stable.to)
      .map(
        ({ apiKey, name, stable, listeners }): KafkaApi => ({
          key: apiKey,
          name: name.replace(/Request$/, ''),
          versions: [stable.from, stable.to],
          by: listeners.includes('broker') ? 'broker' : 'controller',
        }),
      )
      .sort((a, b) => a.key - b.key)
    if (process.env.UPDATE_DOCS) writeFileSync(kafkaApisFile, format(apis))
    else expect(readFileSync(kafkaApisFile, 'utf8')).toBe(format(apis))
  })
})

/** An API a line. */
function format(apis: readonly KafkaApi[]): string {
  const lines = apis.map(
    ({ key, name, versions: [from, to], by }) =>
      `    { "key": ${key}, "name": "${name}", "versions": [${from}, ${to}], "by": "${by}" }`,
  )
  return `{\n  "version": "${kafkaVersion}",\n  "apis": [\n${lines.join(',\n')}\n  ]\n}\n`
}
