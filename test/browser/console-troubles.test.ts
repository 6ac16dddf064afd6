/** The console where something is in the way: a service that is gone, slow, or denies; much to show; another cluster. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveClientConfig } from '../../src/client/config.ts'
import { openConnection } from '../../src/entry/open-connection.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import { createServer } from '../../src/server/server.ts'
import { httpAt } from '../http/http-fixture.ts'
import { debiansChromium, type OpenBrowser, openBrowser } from './chromium.ts'
import { expectAccessible, expectNoSidewaysScroll, fill } from './console-fixture.ts'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const missing = debiansChromium.missing
/** Far above what was ever seen: that a page stands still for so long is a mistake, whatever the machine. */
const stallMaxMs = 3000

describe.skipIf(missing)(`the console ${missing ? `(skipped: ${missing})` : ''}`, () => {
  let browser: OpenBrowser
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('says that the service is gone, and is back as soon as that is', async () => {
    const data = mkdtempSync(join(tmpdir(), 'kafka-do-console-'))
    let server = await createServer({ data, port: 0, httpPort: 0 })
    const httpPort = Number(new URL(server.httpUrl!).port)
    const url = server.httpUrl!
    const { page, complaints } = await browser.page()
    try {
      await httpAt(url).ask('POST', '/v1/topics', { body: { name: 'live', partitions: 1 } })
      await page.goto(`${url}/topics/live?live=1`)
      await page.getByText('0 records, live').waitFor()
      const write = (n: number) =>
        httpAt(url).ask('POST', '/v1/topics/live/records', { body: { n } })
      await write(1)
      await page.getByText('1 record, live').waitFor()
      await server.close()
      await page.getByText('The service does not answer').waitFor()
      await expectAccessible(page)
      server = await createServer({ data, port: 0, httpPort })
      // What is written before the page is back is not missed.
      await write(2)
      await page.getByText('The service does not answer').waitFor({ state: 'detached' })
      await page.getByText('2 records, live').waitFor()
      expect(complaints).toEqual([])
    } finally {
      await page.context().close()
      await server.close()
      rmSync(data, { recursive: true, force: true })
    }
  })

  test('names what a slow service is asked for', async () => {
    await using server = await createServer({ data: 'memory:', port: 0, httpPort: 0 })
    const { page, complaints } = await browser.page()
    let answer: () => void = () => undefined
    const late = new Promise<void>((resolve) => {
      answer = resolve
    })
    await page.route('**/v1/sizes/topics', async (route) => {
      await late
      await route.continue()
    })
    await page.goto(`${server.httpUrl}/topics`)
    await page.getByRole('status').getByText('Waiting for the topics').waitFor()
    answer()
    await page.getByText('There is no topic').waitFor()
    await page.getByText('Waiting for the topics').waitFor({ state: 'detached' })
    expect(complaints).toEqual([])
    await page.context().close()
  })

  describe('with access control', () => {
    let server: Awaited<ReturnType<typeof createServer>>
    let url: string
    let reader: string
    const admin = () => ({ authorization: `Bearer ${server.firstKey!.key}` })

    beforeAll(async () => {
      server = await createServer({ data: 'memory:', port: 0, httpPort: 0, access: 'keys' })
      url = server.httpUrl!
      await fill(url, admin())
      const body = { name: 'reader', scopes: ['consume:orders'] }
      const made = await httpAt(url).ask('POST', '/v1/keys', { body, headers: admin() })
      reader = made.body.key
    })
    afterAll(() => server?.close())

    async function signedIn(
      key: string,
      path = '/',
    ): Promise<{ page: Page; complaints: string[] }> {
      const opened = await browser.page()
      const { page } = opened
      await page.goto(url + path)
      await page.getByLabel('API key').fill(key)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.locator('.top').waitFor()
      return opened
    }

    test('asks for a key, refuses a wrong one, and keeps a good one in the tab alone', async () => {
      const { page, complaints } = await browser.page()
      await page.goto(`${url}/topics`)
      await page.getByText('This service asks for a key').waitFor()
      await expectAccessible(page)
      await page.getByLabel('API key').fill('kd_wrong')
      await page.getByLabel('API key').press('Enter')
      await page.getByRole('alert').getByText(/key/).waitFor()
      await page.getByLabel('API key').fill(server.firstKey!.key)
      await page.getByLabel('API key').press('Enter')
      await page.getByText('shipments').waitFor()
      expect(page.url()).toBe(`${url}/topics`)
      const kept = await page.evaluate(() => [
        JSON.stringify(localStorage),
        document.cookie,
        JSON.stringify(sessionStorage),
      ])
      expect(kept[0]).not.toContain('kd_')
      expect(kept[1]).toBe('')
      expect(kept[2]).toContain('kd_')
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByText('You have signed out').waitFor()
      expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
      expect(complaints).toEqual([])
      await page.context().close()
    })

    test('says what a key may not see, and which right is missing', async () => {
      const { page, complaints } = await signedIn(reader)
      await page.getByText('is not listed').or(page.getByText('are not listed')).first().waitFor()
      await page.getByText('may not see the disks').waitFor()
      await page.getByText('describe on the cluster').first().waitFor()
      await expectAccessible(page)
      await page.goto(`${url}/topics/payments`)
      await page
        .getByText(/may not see/)
        .first()
        .waitFor()
      await page.getByText("read on topic 'payments'").first().waitFor()
      await page.goto(`${url}/access?tab=audit`)
      await page.getByText('may not see the audit log').waitFor()
      await page.goto(`${url}/topics?new=topic`)
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Name', { exact: true }).fill('mine')
      await dialog.getByRole('button', { name: 'Create' }).click()
      await dialog.getByText("create on topic 'mine'").waitFor()
      expect(complaints).toEqual([])
      await page.context().close()
    })

    test('makes, renews and revokes keys; gives rights; sets quotas; shows the audit log', async () => {
      const { page, complaints } = await signedIn(server.firstKey!.key, '/access')
      const dialog = page.getByRole('dialog')
      await page.getByRole('button', { name: 'New key' }).click()
      await dialog.getByLabel('Name', { exact: true }).fill('shop')
      await dialog.getByLabel(/may do/).fill('produce:orders')
      await dialog.getByRole('button', { name: 'Create' }).click()
      const secret = await dialog.locator('pre').textContent()
      expect(secret).toMatch(/^kd_/)
      await expectAccessible(page)
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'New secret for shop' }).click()
      await dialog.getByRole('button', { name: 'Make it' }).click()
      await dialog.locator('pre').waitFor()
      expect(await dialog.locator('pre').textContent()).not.toBe(secret)
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Revoke shop' }).click()
      await dialog.getByLabel(/to confirm/).fill('shop')
      await dialog.getByRole('button', { name: 'Revoke' }).click()
      await page.getByRole('cell', { name: 'shop', exact: true }).waitFor({ state: 'detached' })
      await expectAccessible(page)

      await page.getByRole('link', { name: 'Rights' }).click()
      await page.getByRole('button', { name: 'New right' }).click()
      await dialog.getByLabel('Who').fill('User:alice')
      await dialog.getByLabel(/^Name/).fill('orders')
      await expectAccessible(page)
      await dialog.getByRole('button', { name: 'Give' }).click()
      await page.getByRole('cell', { name: 'User:alice', exact: true }).waitFor()
      await expectAccessible(page)
      await page.getByRole('button', { name: /from User:alice/ }).click()
      await dialog.getByRole('button', { name: 'Take away' }).click()
      await page
        .getByRole('cell', { name: 'User:alice', exact: true })
        .waitFor({ state: 'detached' })

      await page.getByRole('link', { name: 'Quotas' }).click()
      await page.getByRole('button', { name: 'Set a quota' }).click()
      await dialog.getByLabel(/^Which/).fill('alice')
      await dialog.getByLabel(/^At most/).fill('1048576')
      await dialog.getByRole('button', { name: 'Set' }).click()
      await page.getByRole('cell', { name: '1.0 MiB/s' }).waitFor()
      await expectAccessible(page)

      await page.getByRole('link', { name: 'Audit' }).click()
      await page.getByText('CreateKey').first().waitFor()
      await expectAccessible(page)
      for (const width of [360, 2560])
        for (const tab of ['keys', 'rights', 'quotas', 'audit']) {
          await page.setViewportSize({ width, height: 800 })
          await page.goto(`${url}/access?tab=${tab}`)
          await page.locator('table, [role=table]').first().waitFor()
          await expectNoSidewaysScroll(page)
        }
      expect(complaints).toEqual([])
      await page.context().close()
    })
  })

  describe('with much to show', () => {
    let server: Awaited<ReturnType<typeof createServer>>
    beforeAll(async () => {
      server = await createServer({ data: 'memory:', port: 0, httpPort: 0 })
    })
    afterAll(() => server?.close())

    /** A page that notes how long it stood still. */
    async function watchedPage() {
      const opened = await browser.page()
      await opened.page.addInitScript(() => {
        const stalls: number[] = []
        Object.assign(globalThis, { stalls })
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) stalls.push(duration)
        }).observe({ type: 'longtask', buffered: true })
      })
      const longest = () =>
        opened.page.evaluate(() => {
          const { stalls } = globalThis as unknown as { stalls: number[] }
          return { longest: Math.max(0, ...stalls), count: stalls.length }
        })
      return { ...opened, longest }
    }

    test('scrolls through 100,000 records', async () => {
      const { ask } = httpAt(server.httpUrl!)
      await ask('POST', '/v1/topics', { body: { name: 'many', partitions: 1 } })
      const lines = Array.from(
        { length: 100_000 },
        (_, n) => `{"value":{"n":${n},"name":"record ${n}"}}`,
      )
      const headers = { 'content-type': 'application/x-ndjson' }
      const written = await ask('POST', '/v1/topics/many/records:batch', {
        body: lines.join('\n'),
        headers,
      })
      expect(written.body).toMatchObject({ stored: 100_000 })
      const { page, complaints, longest } = await watchedPage()
      await page.goto(`${server.httpUrl}/topics/many?from=earliest`)
      await page.locator('.rows.records .row:not(.head)').first().waitFor()
      const frames = await page.evaluate(async () => {
        const list = document.querySelector('.row-scroll')!
        let count = 0
        while (!document.body.textContent!.includes('100,000 records, to the end')) {
          list.scrollTop += 20_000
          count++
          await new Promise((resolve) => requestAnimationFrame(resolve))
        }
        return count
      })
      await page.locator('.row-scroll').evaluate((list) => {
        list.scrollTop = list.scrollHeight
      })
      await page.getByText('"name":"record 99999"').waitFor()
      await page.locator('.row-scroll').evaluate((list) => {
        list.scrollTop = list.scrollHeight / 2
      })
      await page
        .getByText(/"name":"record 5\d{4}"/)
        .first()
        .waitFor()
      const shown = await page.locator('.rows.records .row').count()
      expect(shown).toBeLessThan(200)
      const stalls = await longest()
      console.log(
        `100,000 records: ${frames} frames, ${stalls.count} tasks over 50 ms, the longest ${Math.round(stalls.longest)} ms`,
      )
      expect(stalls.longest).toBeLessThan(stallMaxMs)
      expect(complaints).toEqual([])
      await page.context().close()
    })

    test('lists 10,000 topics', async () => {
      const names = Array.from({ length: 10_000 }, (_, i) => `topic-${String(i).padStart(5, '0')}`)
      await createTopicsAtOnce(server.url, names)
      const { page, complaints, longest } = await watchedPage()
      await page.goto(`${server.httpUrl}/topics`)
      await page.getByText('topic-00000').waitFor()
      await page.locator('.row-scroll').evaluate((list) => {
        list.scrollTop = list.scrollHeight
      })
      await page.getByText('topic-09999').waitFor()
      await page.locator('[data-filter]').fill('topic-0123')
      await page.getByText('topic-01234').waitFor()
      await page.getByRole('button', { name: 'Records' }).click()
      await page.keyboard.press('Control+k')
      await page.keyboard.type('topic-04321')
      await page.getByRole('option', { name: /topic-04321/ }).waitFor()
      const stalls = await longest()
      console.log(
        `10,000 topics: ${stalls.count} tasks over 50 ms, the longest ${Math.round(stalls.longest)} ms`,
      )
      expect(stalls.longest).toBeLessThan(stallMaxMs)
      expect(complaints).toEqual([])
      await page.context().close()
    })
  })

  test('of another cluster: kafka-do console', async () => {
    await using server = await createServer({ data: 'memory:', port: 0, httpPort: 0 })
    await fill(server.httpUrl!)
    for (const of of [server.url, server.httpUrl!]) {
      const child = spawn(process.execPath, [program, 'console', '--url', of, '-o', 'json'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = once(child, 'exit')
      try {
        const [line] = await once(child.stdout, 'data')
        const { url } = JSON.parse(String(line)) as { url: string }
        const { page, complaints } = await browser.page()
        await page.goto(`${url}topics/orders?record=0:5`)
        await page.locator('.detail').getByText('"status"').waitFor()
        await page.goto(`${url}groups/billing`)
        await page.getByRole('columnheader', { name: 'Committed' }).waitFor()
        expect(complaints).toEqual([])
        await page.context().close()
      } finally {
        child.kill('SIGINT')
        await ended
      }
    }
  })
})

/** One request, where one for each would take longer than all else here. */
async function createTopicsAtOnce(url: string, names: readonly string[]): Promise<void> {
  const connection = openConnection(resolveClientConfig({ url }, {}), undefined)
  const topics = names.map((name) =>
    createCreateTopicsRequestCreatableTopic({ name, numPartitions: 1, replicationFactor: 1 }),
  )
  const request = createCreateTopicsRequest({ topics, timeoutMs: 100_000 })
  const response = await connection.exchange(createTopics, request, { timeoutMs: 100_000 })
  await connection.close()
  expect(response.topics.filter(({ errorCode }) => errorCode !== 0)).toEqual([])
}
