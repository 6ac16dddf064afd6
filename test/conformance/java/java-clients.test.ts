/** Java's producer and consumer as applications use them; what they do is in ClientProgram.java. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runJava } from '../../kafka/java-tools.ts'
import { describeBroker } from './describe-broker.ts'

const program = fileURLToPath(new URL('ClientProgram.java', import.meta.url))

describeBroker('Java clients: producer and consumer', (broker) => {
  /** Runs the program from its source, and gives what it printed. */
  async function run(what: string): Promise<string> {
    const { exitCode, stdout, stderr } = await runJava(program, [broker().bootstrap, what], {
      timeoutMs: 120_000,
    })
    expect(exitCode, stderr).toBe(0)
    return stdout
  }

  test('transactions: commit and abort', async () => {
    expect(await run('transactions')).toContain('committed: [value 0, value 2, value 4]')
  })

  test('a zombie is fenced, what it wrote is not read', async () => {
    const printed = await run('fencing')
    expect(printed).toContain('zombie: fenced')
    expect(printed).toContain('read: [of the next]')
  })

  test('read, write and commit offsets in transactions that are cut off: exactly once', async () => {
    expect(await run('copy')).toContain('copied: 300, different: 300')
  })

  test.each(['RangeAssignor', 'RoundRobinAssignor', 'CooperativeStickyAssignor'])(
    'a group of three with %s: one leaves, nothing is lost',
    async (assignor) => {
      await broker().tool('topics', [
        '--create',
        '--topic',
        `group-${assignor.length}`,
        '--partitions',
        '6',
      ])
      expect(await run(assignor)).toContain(`${assignor}: all read, true`)
    },
  )
})
