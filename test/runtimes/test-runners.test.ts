/** `MockClient` of the packed package under the test runners that people use: one suite, no set-up. */
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { npmInstall } from '../../scripts/download.js'
import { cachedFolder } from '../conformance/librdkafka/cache-folder.ts'
import { installPackage, root, runIn } from '../package/packed-package.ts'

const samples = fileURLToPath(new URL('../testing/runners/', import.meta.url))
const suite = `import { checkoutSuite } from './checkout-suite.js'\n`
let folder = ''
let jest = ''

beforeAll(async () => {
  const recipe = JSON.stringify({ private: true, dependencies: { jest: '30.5.2' } })
  const cached = await cachedFolder('jest', recipe, async (part) => {
    await writeFile(join(part, 'package.json'), recipe)
    await npmInstall(part)
  })
  jest = join(cached, 'node_modules/jest/bin/jest.js')
  folder = await installPackage()
  for (const name of ['checkout.js', 'checkout-suite.js']) {
    copyFileSync(join(samples, name), join(folder, name))
  }
})
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true })
})

test('node:test', () => {
  const text = `import { afterEach, beforeEach, test } from 'node:test'\n${suite}checkoutSuite({ test, beforeEach, afterEach })\n`
  writeFileSync(join(folder, 'checkout.node-test.mjs'), text)
  expect(runIn(folder, 'node', '--test', '--test-reporter=tap', 'checkout.node-test.mjs')).toMatch(
    /# pass 7\n# fail 0/,
  )
})

test('vitest', () => {
  const text = `import { afterEach, beforeEach, test } from 'vitest'\n${suite}checkoutSuite({ test, beforeEach, afterEach })\n`
  writeFileSync(join(folder, 'checkout.test.mjs'), text)
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  // From where vitest is, so that the test's own import of it is found.
  writeFileSync(
    join(folder, 'vitest.config.mjs'),
    `export default { test: { include: ['checkout.test.mjs'], alias: { vitest: ${JSON.stringify(join(root, 'node_modules/vitest/dist/index.js'))} } } }\n`,
  )
  expect(runIn(folder, 'node', vitest, 'run', '--reporter=tap')).toMatch(/1\.\.7/)
})

test('jest, with ES modules', () => {
  const text = `import { afterEach, beforeEach, test } from '@jest/globals'\n${suite}checkoutSuite({ test, beforeEach, afterEach })\n`
  writeFileSync(join(folder, 'checkout.spec.mjs'), text)
  const config = { testMatch: ['**/*.spec.mjs'], transform: {}, watchman: false }
  writeFileSync(join(folder, 'jest.config.json'), JSON.stringify(config))
  const args = ['--experimental-vm-modules', jest, '--config', 'jest.config.json', '--json']
  const result = JSON.parse(runIn(folder, 'node', ...args)) as { numPassedTests: number }
  expect(result.numPassedTests).toBe(7)
})
