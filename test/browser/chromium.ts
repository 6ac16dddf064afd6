/** Chromium, and pages in it that tell whatever goes wrong in them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { unpackedDebianPackage } from '../conformance/librdkafka/debian-package.ts'
import { findTool } from '../conformance/librdkafka/tool.ts'

export const debiansChromium = await findTool(async () => {
  const program = await unpackedDebianPackage('chromium-headless-shell')
  return { program, version: '' }
})

export interface OpenBrowser {
  /** `complaints`: errors of the page, and what its policy forbids, as they come. */
  page(options?: BrowserContextOptions): Promise<{ page: Page; complaints: string[] }>
  close(): Promise<void>
}

export async function openBrowser(): Promise<OpenBrowser> {
  if (debiansChromium.missing !== undefined) throw new Error(debiansChromium.missing)
  const { folder, env } = debiansChromium.program
  const own = mkdtempSync(join(tmpdir(), 'kafka-do-chromium-'))
  writeFileSync(join(own, 'fonts.conf'), fontsIn(join(folder, 'usr/share/fonts'), own))
  const browser: Browser = await chromium.launch({
    executablePath: join(folder, 'usr/lib/chromium/chromium-headless-shell'),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    env: { ...(env as { [name: string]: string }), FONTCONFIG_FILE: join(own, 'fonts.conf') },
  })
  return {
    async page(options = {}) {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        permissions: ['clipboard-read', 'clipboard-write'],
        ...options,
      })
      const page = await context.newPage()
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('console', (message) => {
        // What the service refuses, or that it is gone, the page tells itself.
        const isAnswer = /Failed to load resource/.test(message.text())
        if (message.type() === 'error' && !isAnswer) complaints.push(message.text())
      })
      return { page, complaints }
    },
    async close() {
      await browser.close()
      rmSync(own, { recursive: true, force: true })
    },
  }
}

/** The fonts that came with it, so that pictures look alike on every machine. */
function fontsIn(folder: string, cache: string): string {
  const preferred = (family: string, font: string) =>
    `<match target="pattern"><test qual="any" name="family"><string>${family}</string></test>
<edit name="family" mode="assign" binding="strong"><string>${font}</string></edit></match>`
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>${folder}</dir><cachedir>${cache}</cachedir>
${preferred('sans-serif', 'DejaVu Sans')}${preferred('system-ui', 'DejaVu Sans')}
<match target="pattern"><edit name="family" mode="append_last"><string>DejaVu Sans</string></edit></match>
${preferred('monospace', 'DejaVu Sans Mono')}${preferred('ui-monospace', 'DejaVu Sans Mono')}
</fontconfig>`
}
