/** Groups and their offsets through kafka-consumer-groups, with console consumers as members. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type JavaProcess, startTool } from '../../kafka/java-tools.ts'
import { describeBroker } from './describe-broker.ts'

/** Lines of a table as lists of cells, without empty lines and headings. */
function rows(table: string): string[][] {
  return table
    .split('\n')
    .filter((line) => /^(\w|-)+\s/.test(line) && !line.startsWith('GROUP ') && !line.endsWith('.'))
    .map((line) => line.trim().split(/\s+/))
}

describeBroker('Java tools: kafka-consumer-groups', (broker) => {
  const groups = (...args: string[]) => broker().tool('consumer-groups', args)
  const reset = (...args: string[]) =>
    groups('--reset-offsets', '--group', 'billing', '--topic', 'orders', '--execute', ...args)
  const offsetsOf = async (group: string) =>
    rows(await groups('--describe', '--group', group)).map((row) => row.slice(1, 6))
  let member: JavaProcess | undefined

  beforeAll(async () => {
    await broker().tool('topics', ['--create', '--topic', 'orders', '--partitions', '1'])
    const stdin = Array.from({ length: 10 }, (_, i) => `${i}\n`).join('')
    await broker().tool('console-producer', ['--topic', 'orders'], { stdin })
  })
  afterAll(() => member?.kill())

  test('describe a group with a member', async () => {
    const group = ['--group', 'billing', '--from-beginning']
    member = await startTool('console-consumer', [
      ...['--bootstrap-server', broker().bootstrap, '--topic', 'orders', ...group],
      ...['--command-property', 'auto.commit.interval.ms=50'],
    ])
    await member.until(({ lines }) => lines.length === 10)
    await expect
      .poll(() => offsetsOf('billing'), { timeout: 30_000 })
      .toEqual([['orders', '0', '10', '10', '0']])
    const [row] = rows(await groups('--describe', '--group', 'billing'))
    expect(row?.slice(6)).toEqual([
      expect.stringMatching(/^console-consumer-[0-9a-f-]{36}$/),
      expect.stringMatching(/^\/?127\.0\.0\.1$/),
      'console-consumer',
    ])
  })

  test('describe members and state', async () => {
    const members = rows(await groups('--describe', '--group', 'billing', '--members', '--verbose'))
    expect(members).toHaveLength(1)
    expect(members[0]).toContain('orders:0')
    const [state] = rows(await groups('--describe', '--group', 'billing', '--state'))
    expect(state?.slice(0, 2)).toEqual(['billing', broker().bootstrap])
    expect(state?.slice(-3)).toEqual(['range', 'Stable', '1'])
  })

  test('list, also by state', async () => {
    expect(await groups('--list')).toBe('billing\n')
    expect(rows(await groups('--list', '--state'))).toEqual([['billing', 'Stable']])
    expect(rows(await groups('--list', '--state', 'Empty'))).toEqual([])
  })

  test('kafka-groups lists it with type and protocol', async () => {
    expect(rows(await broker().tool('groups', ['--list']))).toEqual([
      ['billing', 'Classic', 'consumer'],
    ])
  })

  test('a group with members is not reset or deleted', async () => {
    expect(await reset('--to-earliest')).toContain('only be reset if the group')
    expect(await groups('--delete', '--group', 'billing')).toContain('GroupNotEmptyException')
    const deletion = ['--delete-offsets', '--group', 'billing', '--topic', 'orders']
    const refused = await groups(...deletion)
    expect(refused).toContain('GroupSubscribedToTopicException')
    await member?.stop()
  })

  test('describe a group without members', async () => {
    const [row] = rows(await groups('--describe', '--group', 'billing'))
    expect(row?.slice(6)).toEqual(['-', '-', '-'])
    expect(await offsetsOf('billing')).toEqual([['orders', '0', '10', '10', '0']])
  })

  test.each([
    ['--to-earliest', [], '0'],
    ['--to-latest', [], '10'],
    ['--to-offset', ['4'], '4'],
    ['--shift-by', ['-3'], '1'],
    ['--to-datetime', ['2000-01-01T00:00:00.000'], '0'],
    ['--by-duration', ['PT0S'], '10'],
  ])('reset offsets %s', async (option, values, offset) => {
    expect(rows(await reset(option, ...values)).at(-1)).toEqual(['billing', 'orders', '0', offset])
    const lag = String(10 - Number(offset))
    expect(await offsetsOf('billing')).toEqual([['orders', '0', offset, '10', lag]])
  })

  test('reset offsets of a group that is not there yet', async () => {
    const target = ['--group', 'planned', '--topic', 'orders:0', '--to-offset', '7']
    await groups('--reset-offsets', '--execute', ...target)
    expect(await offsetsOf('planned')).toEqual([['orders', '0', '7', '10', '3']])
  })

  test('delete offsets', async () => {
    const deleted = await groups('--delete-offsets', '--group', 'billing', '--topic', 'orders')
    expect(rows(deleted).at(-1)).toEqual(['orders', '0', 'Successful'])
    expect(await offsetsOf('billing')).toEqual([])
  })

  test('delete groups', async () => {
    const deleted = await groups('--delete', '--group', 'planned')
    expect(deleted).toContain("Deletion of requested consumer groups ('planned') was successful.")
    expect(await groups('--list')).not.toContain('planned')
    expect(await groups('--delete', '--group', 'planned')).toContain('GroupIdNotFoundException')
  })
})
