/** Builds `console/` into `dist/console/`: hashed files, compressed beforehand. Why so: docs/decisions/0028-console.md. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { build } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'dist/console')
const signals = ['@preact/signals', '@preact/signals-core']
const bundled = ['preact', ...signals, 'preact-iso', 'virtua', 'uplot']
const quiet = new Set(['MODULE_LEVEL_DIRECTIVE', 'PLUGIN_TIMINGS', 'BUNDLER_TIMINGS'])
/** What is smaller gains nothing. */
const compressedFromBytes = 1024

/** Rejects when something does not resolve or parse. Types are checked by `npm run check`. */
export async function buildConsole() {
  await build({
    configFile: false,
    root: join(root, 'console'),
    // Links are relative, and `<base>` says to what: the API may be mounted anywhere.
    base: './',
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    resolve: {
      alias: [
        { find: 'react/jsx-runtime', replacement: 'preact/jsx-runtime' },
        // virtua is written for React.
        { find: /^react(-dom)?$/, replacement: 'preact/compat' },
      ],
    },
    build: {
      outDir: out,
      emptyOutDir: true,
      target: 'es2022',
      // A policy without inline code takes no data: URLs either.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: {
        onLog(level, log, handle) {
          // virtua says 'use client', which means something to React's servers only. A busy machine is slow.
          if (!quiet.has(log.code)) handle(level, log)
        },
      },
    },
  })
  writeFileSync(join(out, 'licenses.txt'), licenses())
  await Promise.all(filesToCompress().map(compress))
}

/** What the licences of all that is bundled ask for. */
function licenses() {
  const texts = bundled.map((name) => {
    const folder = join(root, 'node_modules', name)
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const text = readFileSync(join(folder, 'LICENSE'), 'utf8').trim()
    return `${name} ${version}\n\n${text}\n`
  })
  return `The console of kafka-do contains:\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`
}

function filesToCompress() {
  return readdirSync(out, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:js|css|svg|txt)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

/** @param {string} file */
async function compress(file) {
  const bytes = readFileSync(file)
  if (bytes.length < compressedFromBytes) return
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  }
  const [br, gz] = await Promise.all([
    promisify(brotliCompress)(bytes, { params }),
    promisify(gzip)(bytes, { level: 9 }),
  ])
  writeFileSync(`${file}.br`, br)
  writeFileSync(`${file}.gz`, gz)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildConsole()
