/**
 * docs/metrics.md says what the source declares; the dashboard and the alerts ask for what a scrape has.
 * `npm run generate:metrics` writes the page: it runs this file and takes what it makes.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { metricFamilies } from '../../scripts/metrics/families.ts'
import { metricsPage } from '../../scripts/metrics/page.ts'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const families = await metricFamilies()
/** With the endings of histograms. */
const names = new Set(
  families.flatMap(({ name, type }) =>
    type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)

test('docs/metrics.md is up to date', async () => {
  await expect(metricsPage(families)).toMatchFileSnapshot(`${root}docs/metrics.md`)
})

test('no two metrics are called alike, in either format', () => {
  const shown = families.map(({ name, type }) =>
    type === 'counter' ? name.replace(/_total$/, '') : name,
  )
  expect(new Set(shown).size).toBe(shown.length)
})

/** Of what there are so many; what is counted by its own name is its own unit. */
const unit =
  /_(seconds|bytes|ratio|info|total|state|up|connections|partitions|files|fetches|waiters|topics|groups|series)$/

test.each(families.filter(({ name }) => name.startsWith('kafkado_')).map((one) => [one.name, one]))(
  '%s has a help and a unit in its name',
  (name, { help, type }) => {
    expect(name).toMatch(unit)
    expect(help.length).toBeGreaterThan(5)
    expect(name.endsWith('_total')).toBe(type === 'counter')
  },
)

interface Panel {
  readonly title?: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly expr: string }[]
}

const dashboard = JSON.parse(await readFile(`${root}dashboards/kafka-do.json`, 'utf8')) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly query?: string }[] }
}
const alerts = await readFile(`${root}docs/deploy/prometheus-alerts.yml`, 'utf8')
const asked = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [`the panel '${title}'`, expr] as const),
  ),
  ...dashboard.templating.list.map(
    ({ query = '' }) => [`a variable of the dashboard`, String(query)] as const,
  ),
  ...[...alerts.matchAll(/alert: (\w+)\n +expr: (.*)/g)].map(
    ([, name, expr]) => [`the alert ${name}`, expr!] as const,
  ),
]

/** Names of ours in a query. */
function namesIn(query: string): string[] {
  return [...query.matchAll(/\bkafka(?:do)?_\w+/g)].map(([name]) => name)
}

test('the dashboard and the alerts ask for something', () => {
  expect(dashboard.panels.length).toBeGreaterThan(15)
  expect([...alerts.matchAll(/alert: /g)].length).toBeGreaterThan(10)
  expect(asked.flatMap(([, query]) => namesIn(query)).length).toBeGreaterThan(40)
})

test.each(asked)('%s asks well: %s', (_, query) => {
  const count = (text: string) => query.split(text).length
  expect(count('(')).toBe(count(')'))
  expect(count('{')).toBe(count('}'))
  for (const name of namesIn(query)) expect([...names]).toContain(name)
})

test('each alert says for how long, how bad it is, and what to do', () => {
  const rules = alerts.split(/\n +- alert: /).slice(1)
  for (const rule of rules) {
    expect(rule).toMatch(/\n +for: \d+[smh]\n/)
    expect(rule).toMatch(/\n +severity: (critical|warning)\n/)
    expect(rule).toMatch(/\n +summary: \S.*\n +description: \S/)
  }
})

test('panels do not overlap', () => {
  for (const { gridPos: a, title } of dashboard.panels) {
    const over = dashboard.panels.filter(({ gridPos: b }) => {
      return a !== b && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
    })
    expect([title, over.map((one) => one.title)]).toEqual([title, []])
    expect(a.x + a.w).toBeLessThanOrEqual(24)
  }
})

test('a server that is at work tells all that the dashboard and the alerts ask of a broker', async () => {
  const data = await mkdtemp(join(tmpdir(), 'kafka-do-metrics-'))
  const server = await createServer({
    data,
    ...{ port: 0, httpPort: 0, managementPort: 0, access: 'keys' },
  })
  try {
    const { key } = server.firstKey!
    const [, username, password] = key.split('_')
    const sasl = { mechanism: 'PLAIN', username: username!, password: password! } as const
    const over = { method: 'POST', headers: { authorization: `Bearer ${key}` } }
    const quotas = { entity: { user: null }, quotas: { producer_byte_rate: 1000 } }
    const set = await fetch(`${server.httpUrl}/v1/quotas`, {
      ...{ ...over, body: JSON.stringify(quotas) },
      headers: { ...over.headers, 'content-type': 'application/json' },
    })
    expect([set.status, await set.text()]).toEqual([204, ''])
    await using kafka = new Client({ url: server.url, sasl })
    await kafka.produce('orders', 'x'.repeat(1500))
    await using consumer = kafka.consumer('orders', { group: 'billing' })
    await consumer.take(1).toArray()
    await consumer.close()
    await expect(kafka.admin.createTopic('orders')).rejects.toThrow('exists')
    const text = await (await fetch(`${server.managementUrl}/metrics`)).text()
    const told = new Set(text.split('\n').map((line) => /^\w+/.exec(line)?.[0]))
    const missing = asked.flatMap(([who, query]) =>
      namesIn(query)
        // Of a gateway, and of a server that reached a limit.
        .filter((name) => !/^kafkado_(upstream_up|limits_reached_total)$/.test(name))
        .filter((name) => !told.has(name))
        .map((name) => `${who}: ${name}`),
    )
    expect(missing).toEqual([])
    // And what is told is declared.
    const undeclared = [...told].filter((name) => name !== undefined && !names.has(name))
    expect(undeclared).toEqual([])
    await kafka.close()
  } finally {
    await server.close()
    await rm(data, { recursive: true, force: true })
  }
})
