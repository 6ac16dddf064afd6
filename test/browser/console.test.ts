/** The console in Chromium: each view, what it does, and how it looks at what is not as it should be. */
import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createServer, type Server } from '../../src/server/server.ts'
import { httpAt } from '../http/http-fixture.ts'
import { debiansChromium, type OpenBrowser, openBrowser } from './chromium.ts'
import { expectAccessible, expectNoSidewaysScroll, fill } from './console-fixture.ts'

const images = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const missing = debiansChromium.missing

describe.skipIf(missing)(`the console ${missing ? `(skipped: ${missing})` : ''}`, () => {
  let browser: OpenBrowser
  let server: Server
  let url: string
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    browser = await openBrowser()
    server = await createServer({ data: 'memory:', port: 0, httpPort: 0 })
    url = server.httpUrl!
    await fill(url)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })
  beforeEach(async () => {
    ;({ page, complaints } = await browser.page())
  })
  afterEach(async () => {
    // Also what the page's policy forbids.
    expect(complaints).toEqual([])
    await page.context().close()
  })

  const views: readonly (readonly [name: string, path: string, sign: string])[] = [
    ['overview', '/', 'text=Busiest topics'],
    ['topics', '/topics', 'role=row >> text=shipments'],
    ['records', '/topics/orders', 'role=cell >> text=customer- >> nth=0'],
    ['record', '/topics/orders?record=0:5', '.json >> text=status'],
    ['partitions', '/topics/orders?tab=partitions', 'role=columnheader[name="Begin"]'],
    ['config', '/topics/orders?tab=config', 'text=Set for this topic'],
    ['topic-groups', '/topics/orders?tab=groups', 'role=link[name="billing"]'],
    ['produce', '/topics/orders?do=produce', 'role=dialog'],
    ['delete-topic', '/topics/orders?do=delete', 'role=dialog'],
    ['new-topic', '/topics?new=topic', 'role=dialog'],
    ['groups', '/groups', 'role=row >> text=ledger'],
    ['group', '/groups/billing', 'role=columnheader[name="Committed"]'],
    ['reset', '/groups/billing?do=reset', 'role=dialog'],
    ['streams', '/streams', 'role=row >> text=billing'],
    ['application', '/streams/billing', 'role=link[name="totals"]'],
    ['keys', '/access', 'text=runs without access control'],
    ['nowhere', '/nowhere', 'text=There is nothing here'],
  ]

  describe.each(views)('%s', (_, path, sign) => {
    test.each(['light', 'dark'] as const)('is accessible, %s', async (colorScheme) => {
      await page.emulateMedia({ colorScheme })
      await page.goto(url + path)
      await page.locator(sign).first().waitFor()
      await expectAccessible(page)
    })

    test('fits from 360 to 2,560 pixels', async () => {
      for (const width of [360, 768, 1280, 2560]) {
        await page.setViewportSize({ width, height: 800 })
        await page.goto(url + path)
        await page.locator(sign).first().waitFor()
        await expectNoSidewaysScroll(page)
      }
    })
  })

  test('what is chosen stands in the address, and comes back from it', async () => {
    await page.goto(`${url}/topics/orders`)
    await page.locator('[data-filter]').fill('value.status == "returned"')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByText('to the end').waitFor()
    expect(page.url()).toContain('filter=')
    const values = await page.locator('.rows.records .row:not(.head)').allTextContents()
    expect(values.length).toBeGreaterThan(5)
    expect(values.every((value) => value.includes('returned'))).toBe(true)
    await page.reload()
    await page.getByText('to the end').waitFor()
    expect(await page.locator('[data-filter]').inputValue()).toBe('value.status == "returned"')
    await page.goBack()
    await page.getByText('paid').first().waitFor()
  })

  test('a filter that is none is shown with the place of what is wrong', async () => {
    await page.goto(`${url}/topics/orders?filter=value.order%20%3E`)
    await page.getByRole('alert').getByText('column').waitFor()
  })

  test('integers of 64 bits are shown with every digit', async () => {
    await page.goto(`${url}/topics/payments?record=0:0`)
    const json = page.locator('.json')
    await json.getByText('12345678901234567890').waitFor()
    await json.getByText('0.10000000000000000001').waitFor()
  })

  test('a record can be had by curl, the command line and TypeScript, and has a link', async () => {
    await page.goto(`${url}/topics/orders?record=0:5`)
    const copied = async (name: string) => {
      await page.locator('.detail').getByText('Copied').waitFor({ state: 'detached' })
      await page.locator('.detail').getByRole('button', { name, exact: true }).click()
      await page.locator('.detail').getByText('Copied').waitFor()
      return page.evaluate(() => navigator.clipboard.readText())
    }
    expect(await copied('curl')).toBe(`curl -s ${url}/v1/topics/orders/partitions/0/records/5`)
    expect(await copied('CLI')).toBe(
      'kafka-do consume orders --partition 0 --from @5 --limit 1 -o json',
    )
    expect(await copied('TypeScript')).toContain('offset: Offset.at(5n)')
    const link = await copied('Link')
    await page.goto(link)
    await page.locator('.detail').getByText('"status"').waitFor()
  })

  test('records come live, wait while somebody looks up, and go on after that', async () => {
    const { ask } = httpAt(url)
    await ask('POST', '/v1/topics', { body: { name: 'live', partitions: 1 } })
    const write = (from: number, to: number) =>
      ask('POST', '/v1/topics/live/records:batch', {
        body: {
          records: Array.from({ length: to - from }, (_, i) => ({ value: { n: from + i } })),
        },
      })
    await page.goto(`${url}/topics/live?live=1`)
    await page.getByText('0 records, live').waitFor()
    // It is connected once the first comes.
    await write(0, 100)
    const rows = page.locator('.rows.records .row:not(.head)')
    await rows.getByText('{"n":99}').waitFor()
    await page.locator('.row-scroll').hover()
    await page.mouse.wheel(0, -600)
    await page.getByText('paused while you look').waitFor()
    await write(100, 110)
    await page.getByRole('button', { name: 'Go on' }).click()
    await rows.getByText('{"n":109}').waitFor()
    await page.getByText('110 records, live').waitFor()
    await page.getByRole('button', { name: 'Stop live' }).click()
    await page.getByText('to the end').waitFor()
  })

  test('a record is produced as it is written', async () => {
    await page.goto(`${url}/topics/shipments?do=produce`)
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Key', { exact: true }).fill('parcel')
    await dialog.getByLabel('Value', { exact: true }).fill('{"weight": 98765432109876543210}')
    await dialog.getByLabel('Headers').fill('source: test')
    await dialog.getByRole('button', { name: 'Produce' }).click()
    await page.locator('.detail').getByText('98765432109876543210').waitFor()
    await page.locator('.detail').getByText('source').waitFor()
  })

  test('a value that is no JSON is refused where it is written', async () => {
    await page.goto(`${url}/topics/shipments?do=produce`)
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Value', { exact: true }).fill('{"weight": ')
    await dialog.getByRole('button', { name: 'Produce' }).click()
    await dialog.getByRole('alert').waitFor()
  })

  test('a dead letter goes back to where it came from', async () => {
    await page.goto(`${url}/topics/payments.dead?record=0:0`)
    await page.getByRole('button', { name: 'Replay to payments' }).click()
    await page.getByRole('button', { name: 'Write', exact: true }).click()
    await page
      .getByRole('status')
      .getByRole('link', { name: /^payments 0:/ })
      .click()
    await page.locator('.detail').getByText('12345678901234567890').waitFor()
    await page.locator('.detail').getByText('None.').waitFor()
  })

  test('offsets are moved, after a look at what that would do', async () => {
    await page.goto(`${url}/groups/billing`)
    await page.getByRole('button', { name: 'Move offsets' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('select').selectOption('latest')
    await dialog.getByRole('button', { name: 'Show what it would do' }).click()
    await dialog.getByRole('columnheader', { name: 'Difference' }).waitFor()
    const before = await httpAt(url).ask('GET', '/v1/groups/billing')
    expect(before.body.totalLag).not.toBe('0')
    await dialog.getByRole('button', { name: /^Move 3 partitions$/ }).click()
    await dialog.waitFor({ state: 'detached' })
    const after = await httpAt(url).ask('GET', '/v1/groups/billing')
    expect(after.body.totalLag).toBe('0')
    await page.getByText('nothing').first().waitFor()
  })

  test('lag over time is drawn, without a complaint of the policy', async () => {
    await page.goto(`${url}/groups/billing`)
    await page.locator('.chart canvas').first().waitFor()
    await expectAccessible(page)
  })

  test('a topic is made, changed, and deleted once its name is typed', async () => {
    await page.goto(`${url}/topics`)
    await page.getByRole('button', { name: 'New topic' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('temporary')
    await dialog.getByLabel('Partitions').fill('2')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('heading', { name: 'temporary' }).waitFor()
    await page.getByRole('link', { name: 'Config' }).click()
    await page.getByLabel('Config', { exact: true }).fill('retention.ms')
    await page.getByLabel('Value', { exact: true }).fill('60000')
    await page.getByRole('button', { name: 'Set', exact: true }).click()
    await page.getByRole('cell', { name: '60000' }).waitFor()
    await page.getByRole('button', { name: 'Delete' }).click()
    const button = dialog.getByRole('button', { name: 'Delete' })
    expect(await button.isDisabled()).toBe(true)
    await dialog.getByLabel(/to confirm/).fill('temporary')
    await button.click()
    await page.getByRole('heading', { name: 'Topics' }).waitFor()
    expect((await httpAt(url).ask('GET', '/v1/topics/temporary')).status).toBe(404)
  })

  test('everything goes by keys', async () => {
    await page.goto(url)
    await page.getByText('Busiest topics').waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+k')
    await page.getByRole('option', { name: /orders/ }).waitFor()
    await expectAccessible(page)
    await page.keyboard.type('order')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'orders' }).waitFor()
    await page.getByText('to the end').waitFor()
    for (const key of ['j', 'j', 'k', 'Enter']) await page.keyboard.press(key)
    await page.locator('.detail').waitFor()
    expect(page.url()).toContain('record=')
    await page.keyboard.press('/')
    await page.keyboard.type('value.order < 3')
    await page.keyboard.press('Enter')
    await page.getByText('There is no such record.').waitFor()
    await page.getByRole('link', { name: 'Groups' }).first().focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Groups' }).waitFor()
  })

  test('colours are switched, and stay', async () => {
    await page.emulateMedia({ colorScheme: 'light' })
    await page.goto(url)
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const light = await ground()
    await page.getByRole('button', { name: /^Colours/ }).click()
    const dark = await ground()
    expect(dark).not.toBe(light)
    await page.reload()
    await page.getByText('Busiest topics').waitFor()
    expect(await ground()).toBe(dark)
  })

  test('a record of 10 MB is cut, and can be had as a file', async () => {
    const { ask } = httpAt(url)
    await ask('POST', '/v1/topics', {
      body: { name: 'large', partitions: 1, configs: { 'max.message.bytes': 20_000_000 } },
    })
    const body = JSON.stringify({ text: 'x'.repeat(10_000_000) })
    expect((await ask('POST', '/v1/topics/large/records', { body })).status).toBe(200)
    let seen = 0
    page.on('response', async (response) => {
      if (response.url().includes('/records')) seen += (await response.body()).length
    })
    await page.goto(`${url}/topics/large?record=0:0`)
    await page.getByText('here are the first 256 KiB').waitFor()
    await page.getByText('to the end').waitFor()
    expect(seen).toBeLessThan(1_000_000)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download' }).click()
    const stream = await (await download).createReadStream()
    let length = 0
    for await (const chunk of stream) length += (chunk as Uint8Array).length
    expect(length).toBe(body.length)
  })

  test('first paint, and how large what is loaded is', async () => {
    let bytes = 0
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength
    })
    await page.goto(`${url}/topics`)
    await page.getByText('shipments').waitFor()
    const painted = await page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    )
    expect(painted).toBeGreaterThan(0)
    console.log(`first contentful paint ${Math.round(painted!)} ms, ${bytes} bytes over the wire`)
  })

  // `UPDATE_DOCS=1` makes the pictures of the guide.
  test.skipIf(process.env.UPDATE_DOCS !== '1')('pictures for the guide', async () => {
    await mkdir(images, { recursive: true })
    await using own = await createServer({ data: 'memory:', port: 0, httpPort: 0 })
    const there = own.httpUrl!
    await fill(there)
    const write = (count: number) =>
      httpAt(there).ask('POST', '/v1/topics/orders/records:batch', {
        body: {
          records: Array.from({ length: count }, (_, i) => ({
            key: `customer-${i % 9}`,
            value: { order: 600 + i, status: 'paid', amount: i },
          })),
        },
      })
    const shoot = async (name: string, path: string, sign: string, looks: string) => {
      await page.setViewportSize({ width: 1100, height: 640 })
      await page.goto(there + path)
      // A chart needs something to show.
      for (let i = 0; looks !== '' && i < 8; i++) {
        await page.waitForResponse((response) => response.url().endsWith(looks))
        await write(40 + ((i * 53) % 90))
      }
      await page.locator(sign).first().waitFor()
      writeFileSync(`${images}console-${name}.png`, await page.screenshot())
    }
    await page.emulateMedia({ colorScheme: 'light' })
    await shoot('overview', '/', '.chart canvas', '/v1/sizes/topics')
    await shoot('records', '/topics/orders?record=0:5', '.json >> text=status', '')
    await shoot('streams', '/streams/billing', 'role=link[name="totals"]', '')
    await page.emulateMedia({ colorScheme: 'dark' })
    await shoot('group', '/groups/billing', '.chart canvas', '/v1/groups/billing/lag')
  })
})
