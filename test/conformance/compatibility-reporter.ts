/**
 * A vitest reporter that writes what a run of `npm run conformance` or `npm run test:kafka` found to
 * `docs/compatibility.md`. The tests of foreign clients stand in a `describe` that is named `<client>: <area>`
 * (`describe-client.ts`); those at Apache Kafka in one that is named for the area.
 */
import type {
  Reporter,
  TestCase,
  TestModule,
  TestRunEndReason,
  TestSuite,
  Vitest,
} from 'vitest/node'
import { kafkaVersion } from '../kafka/java-class-path.ts'
import {
  formatTables,
  parseTables,
  readDifferences,
  readPage,
  sectionOf,
  type Tier,
  withSection,
  writePage,
} from './compatibility-document.ts'
import { isWholeRun, joinRun, type RanTest, withoutReason } from './compatibility-run.ts'

/** Of clients whose suites do not tell. */
const versions: { readonly [client: string]: string } = { 'Java tools': kafkaVersion }

export default class CompatibilityReporter implements Reporter {
  readonly #tier: Tier
  #vitest: Vitest | undefined

  constructor({ tier }: { tier: Tier }) {
    this.#tier = tier
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  async onTestRunEnd(
    modules: readonly TestModule[],
    _errors: readonly unknown[],
    reason: TestRunEndReason,
  ): Promise<void> {
    // With this, the broker that foreign clients are at is Apache Kafka.
    if (reason === 'interrupted' || process.env.CONFORMANCE_BROKER) return
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const ran = tests.flatMap((test) => toRanTest(test, this.#tier))
    if (ran.length === 0) return
    const text = readPage()
    const before = parseTables(sectionOf(text, this.#tier))
    const tables = joinRun(before, ran, await this.#isWhole(modules))
    writePage(withSection(text, this.#tier, formatTables(tables, readDifferences())))
  }

  /** Whether every file of the tier ran, and could be loaded. */
  async #isWhole(modules: readonly TestModule[]): Promise<boolean> {
    if (!this.#vitest) return false
    const id = (project: string, moduleId: string) => `${project} ${moduleId}`
    const loaded = modules.filter((module) => module.children.size > 0)
    const ids = new Set(loaded.map(({ project, moduleId }) => id(project.name, moduleId)))
    const all = await this.#vitest.globTestSpecifications()
    const expected = all.map(({ project, moduleId }) => id(project.name, moduleId))
    return isWholeRun(this.#vitest.config, expected, ids)
  }
}

/** None for tests that say nothing of a client. */
function toRanTest(test: TestCase, tier: Tier): RanTest[] {
  const suites = suitesOf(test)
  const outermost = suites[0]
  if (!outermost) return []
  const state = stateOf(test)
  const names = suites.map((suite) => withoutReason(suite.name))
  if (tier === 'kafka') {
    return [
      {
        client: 'Apache Kafka',
        version: kafkaVersion,
        area: names.join(': '),
        feature: test.name,
        state,
      },
    ]
  }
  const named = /^(?<client>[^:]+): (?<area>.+)$/.exec(names[0]!)?.groups
  if (!named?.client || !named.area) return []
  const client = named.client
  const version = outermost.meta().clientVersion ?? versions[client] ?? ''
  const feature = [...names.slice(1), test.name].join(': ')
  return [{ client, version, area: named.area, feature, state }]
}

/** The suites that a test is in, outermost first. */
function suitesOf(test: TestCase): TestSuite[] {
  const suites: TestSuite[] = []
  for (let parent = test.parent; parent.type === 'suite'; parent = parent.parent) {
    suites.unshift(parent)
  }
  return suites
}

/** A test whose suite could not be set up counts as failed. */
function stateOf(test: TestCase): RanTest['state'] {
  const { state } = test.result()
  const hasFailedSetup = [test.module, ...suitesOf(test)].some((suite) => suite.errors().length > 0)
  if (state === 'passed') return 'passed'
  return state === 'failed' || (hasFailedSetup && test.options.mode === 'run')
    ? 'failed'
    : 'skipped'
}
