/** A server with a console, something in it, and a browser that looks at it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { httpAt } from '../http/http-fixture.ts'

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
)

/** Topics with records, a group that is behind, and dead letters. */
export async function fill(url: string, headers: Record<string, string> = {}): Promise<void> {
  const { ask } = httpAt(url)
  const post = async (target: string, body: unknown) => {
    const answer = await ask('POST', target, { body, headers })
    if (answer.status >= 300) throw new Error(`POST ${target}: ${answer.status} ${answer.text}`)
    return answer.body
  }
  for (const [name, partitions] of [
    ['orders', 3],
    ['payments', 1],
    ['shipments', 2],
    // As a stream application makes them: it is called as its group.
    ['billing-by-customer-repartition', 2],
    ['billing-totals-changelog', 2],
  ] as const)
    await post('/v1/topics', { name, partitions })
  await post('/v1/topics/orders/records:batch', {
    records: Array.from({ length: 600 }, (_, i) => ({
      key: `customer-${i % 9}`,
      value: {
        order: i,
        status: i % 5 === 0 ? 'returned' : 'paid',
        amount: ((i * 37) % 1000) / 10,
        items: [{ sku: `sku-${i % 13}`, count: 1 + (i % 3) }],
      },
      headers: { source: i % 2 === 0 ? 'shop' : 'app' },
    })),
  })
  const exact = '{"id": 12345678901234567890, "ratio": 0.10000000000000000001}'
  await ask('POST', '/v1/topics/payments/records?key=exact', { body: exact, headers })
  const group = '/v1/groups/billing'
  const pull = { topics: ['orders'], pullId: 'one', max: 100 }
  const taken = await post(`${group}/pull`, pull)
  await post(`${group}/ack`, { lease: taken.lease, accept: 'all' })
  const letters = { topics: ['payments'], pullId: 'two', deadLetter: { topic: 'payments.dead' } }
  const rejected = await post('/v1/groups/ledger/pull', letters)
  await post('/v1/groups/ledger/ack', { lease: rejected.lease, reject: 'all' })
}

/** Nothing that axe finds wrong, by the rules of WCAG 2.2 AA and of good practice. */
export async function expectAccessible(page: Page): Promise<void> {
  // The page's policy keeps scripts of elsewhere out; what the debugger evaluates is not held to it.
  await page.evaluate(axeSource)
  const violations = await page.evaluate(async () => {
    type Found = { id: string; nodes: { html: string; failureSummary?: string }[] }
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Found[] }> } }
    const result = await axe.run()
    return result.violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`),
    }))
  })
  expect(violations).toEqual([])
}

export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const wider = await page.evaluate(() => {
    const main = document.querySelector('main')!
    const { clientWidth, scrollWidth } = document.documentElement
    if (Math.max(scrollWidth, main.scrollWidth) <= clientWidth) return []
    return [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > clientWidth + 1)
      .map((element) => element.outerHTML.slice(0, 120))
  })
  expect([page.url(), wider]).toEqual([page.url(), []])
}
