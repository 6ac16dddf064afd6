/**
 * A `describe` for what needs Java. Where that is missing, its name says so and its tests are skipped; in CI it fails.
 */
import { describe } from 'vitest'
import { missingForJava } from './java-class-path.ts'

export function describeJava(name: string, body: () => void): void {
  if (missingForJava === undefined) {
    describe(name, body)
  } else if (process.env.CI === 'true') {
    throw new Error(`${name}: this machine lacks ${missingForJava}`)
  } else {
    describe.skip(`${name} (skipped: lacks ${missingForJava})`, body)
  }
}
