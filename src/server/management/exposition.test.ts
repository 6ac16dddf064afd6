import { describe, expect, test } from 'vitest'
import { Counter, gauge, Histogram } from '../../core/metrics.ts'
import { exposition, familiesOf, formatFor, Lines } from './exposition.ts'

const text = (format: 'text' | 'openmetrics', metrics: Parameters<typeof familiesOf>[0]) =>
  [...exposition(familiesOf(metrics), format)].join('')

test('a counter, a gauge and a histogram, as Prometheus reads them', () => {
  const counter = new Counter('kafkado_orders_total', 'Orders "new"\nand old \\', ['user'])
  counter.at('a"b\\c\nd').value = 2
  const times = new Histogram('kafkado_work_seconds', 'Work', 'kind')
  times.observe('hard', 1500)
  const size = gauge('kafkado_size_bytes', 'Size', [], [{ labels: {}, value: 1e21 }])
  const made = text('text', [counter.read(), ...times.read(), size])
  expect(made).toContain('# HELP kafkado_orders_total Orders "new"\\nand old \\\\\n')
  expect(made).toContain('# TYPE kafkado_orders_total counter\n')
  expect(made).toContain('kafkado_orders_total{user="a\\"b\\\\c\\nd"} 2\n')
  expect(made).toContain(
    '# HELP kafkado_work_seconds Work\n# TYPE kafkado_work_seconds histogram\n',
  )
  expect(made).toContain('kafkado_work_seconds_bucket{kind="hard",le="2"} 1\n')
  expect(made).toContain('kafkado_work_seconds_bucket{kind="hard",le="+Inf"} 1\n')
  expect(made).toContain('kafkado_work_seconds_sum{kind="hard"} 1.5\n')
  expect(made).toContain('kafkado_size_bytes 1e+21\n')
  expect(made).not.toContain('EOF')
})

test('OpenMetrics: counters are called without _total, and the end is said', () => {
  const counter = new Counter('kafkado_orders_total', 'Orders "new"', [])
  counter.at().value = 2
  expect(text('openmetrics', [counter.read()])).toBe(
    '# HELP kafkado_orders Orders \\"new\\"\n# TYPE kafkado_orders counter\nkafkado_orders_total 2\n# EOF\n',
  )
})

test('what has no value is not told', () => {
  expect(text('text', [new Counter('kafkado_orders_total', 'Orders', ['user']).read()])).toBe('')
})

test('lines are gathered into pieces, none of them large', () => {
  const lines = new Lines()
  for (let i = 0; i < 10_000; i++) lines.add(`kafkado_x{n="${i}"} 1`)
  const pieces = lines.all()
  expect(pieces.length).toBeGreaterThan(2)
  for (const piece of pieces) expect(piece.length).toBeLessThan(70_000)
  expect(pieces.join('').split('\n')).toHaveLength(10_001)
})

describe('the format', () => {
  test.each([
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    ['application/json', 'text'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text'],
    // As Prometheus asks.
    [
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      'openmetrics',
    ],
    ['application/openmetrics-text; version=2.0.0, text/plain; q=0.1', 'text'],
    ['application/openmetrics-text;q=0.1, text/plain;q=0.9', 'text'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=no;;=,', 'text'],
  ])('for %j is %s', (accept, format) => {
    expect(formatFor(accept)).toBe(format)
  })
})
