/** Results of Apache Kafka Streams: the same topologies and records give the same in applications, on every connection. */
import { expect, test } from 'vitest'
import { runCaseOnBroker } from '../streams/oracle.ts'
import { differences, type OracleOutput, readCases } from '../streams/oracle-case.ts'
import { connectionName, useCluster } from './test-cluster.ts'

const cluster = useCluster()
const cases = readCases(new URL('../streams/oracle.json', import.meta.url)).filter(
  ({ error, imitate }) => error === undefined && imitate !== false,
)
/** Of two topics in turns, each step waits for a commit: some of them are enough over TCP. */
const chosen = connectionName === 'embedded' ? cases : cases.filter((_, i) => i % 3 === 0)

/** For each key and window what comes of all inputs, in its order: a log does not tell of which input a record came. */
const asOneInput = (outputs: readonly OracleOutput[]) =>
  outputs.map((output) => ({ ...output, input: 0 }))

test.each(chosen)('$name', { timeout: 60_000 }, async (oneCase) => {
  const written = await runCaseOnBroker(oneCase, cluster.open())
  expect(differences(asOneInput(oneCase.output), written)).toEqual([])
  expect(written).toHaveLength(oneCase.output.length)
})
