/** Results of Apache Kafka Streams, from its own test driver: the same topologies and records give the same here. */
import { describe, expect, test } from 'vitest'
import type { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'
import { runToEnd } from './oracle.ts'
import { differences, readCases } from './oracle-case.ts'

const cases = readCases(new URL('oracle.json', import.meta.url))

test.each(cases)('$name', (oneCase) => {
  const { output, error } = runToEnd(oneCase)
  const found = differences(oneCase.output, output)
  // What is expected there is a fault of Kafka's, which we must not have.
  if (oneCase.imitate === false) return expect(found, oneCase.note).not.toEqual([])
  expect(found).toEqual([])
  expect(error).toEqual(typeof oneCase.error === 'object' ? oneCase.error.input : oneCase.error)
})

describe('with commits and crashes in between', () => {
  const everyThird = (driver: StreamTestDriver, index: number) => {
    if (index % 3 === 0) driver.commit()
    if (index % 2 === 0) driver.restart()
  }
  const befores: { readonly [what: string]: typeof everyThird } = {
    'a commit and a crash before each record': (driver) => {
      driver.commit()
      driver.restart()
    },
    'crashes without a commit': (driver) => driver.restart(),
    'some of both': everyThird,
  }

  test.each(Object.keys(befores))('%s change nothing', (what) => {
    for (const oneCase of cases) {
      const { output } = runToEnd(oneCase, befores[what])
      expect(differences(runToEnd(oneCase).output, output), oneCase.name).toEqual([])
    }
  })
})

test('a difference is seen', () => {
  const oneCase = cases.find(({ output }) => output.length > 1)!
  const [first, ...others] = oneCase.output
  expect(differences(oneCase.output, others)).toHaveLength(1)
  expect(differences(oneCase.output, [{ ...first!, timestamp: -1 }, ...others])).toHaveLength(1)
  expect(differences(oneCase.output, [{ ...first!, value: 'x' }, ...others])).toHaveLength(1)
  expect(differences(oneCase.output, [...oneCase.output, first!])).toHaveLength(1)
})
