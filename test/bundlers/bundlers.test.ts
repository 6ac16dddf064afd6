/**
 * Applications that are bundled, with the package's optional packages and without: the bundle is made, runs apart from the
 * sources, and compresses with whatever is installed beside it.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { npmInstall } from '../../scripts/download.js'
import { installPackage, runIn } from '../package/packed-package.ts'

const bundlers = {
  esbuild: ['esbuild@0.25.12'],
  webpack: ['webpack@5.103.0', 'webpack-cli@6.0.1'],
  rollup: ['rollup@4.53.3', '@rollup/plugin-node-resolve@16.0.3'],
}

const program = `import { Client } from 'kafka-do'
async function main() {
  const kafka = new Client('memory:')
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    try {
      await kafka.producer(compression, { compression }).send('x'.repeat(5000))
      const [record] = await kafka.consumer(compression).take(1).toArray()
      console.log(compression, record.value.length)
    } catch (error) {
      console.log(compression, error.code, error.message)
    }
  }
  await kafka.close()
}
main()
`

const webpackConfig = `module.exports = {
  mode: 'production',
  target: 'node',
  entry: './app.mjs',
  output: { path: __dirname + '/out', filename: 'app.cjs' },
}
`

const builds: { readonly [name: string]: readonly [file: string, ...command: string[]] } = {
  'esbuild, ES module': [
    'out.mjs',
    ...['npx', 'esbuild', 'app.mjs', '--bundle', '--platform=node', '--format=esm'],
    '--outfile=out.mjs',
  ],
  'esbuild, CommonJS': [
    'out.cjs',
    ...['npx', 'esbuild', 'app.mjs', '--bundle', '--platform=node', '--format=cjs'],
    '--outfile=out.cjs',
  ],
  webpack: ['out/app.cjs', 'npx', 'webpack', '--config', 'webpack.config.cjs'],
  rollup: [
    'rolled/app.mjs',
    ...['npx', 'rollup', 'app.mjs', '--dir', 'rolled', '--format', 'es'],
    ...['--entryFileNames', '[name].mjs', '-p', '@rollup/plugin-node-resolve'],
  ],
}

const hasOwnZstd = 'zstdCompressSync' in (await import('node:zlib'))

describe.each([
  ['with its optional packages', []],
  ['without its optional packages', ['--omit=optional']],
])('%s', (name, npmOptions) => {
  let folder: string
  beforeAll(async () => {
    folder = await installPackage({ npmOptions })
    // The bundlers have optional packages of their own, with what makes them run.
    const apart = join(folder, '.bundlers')
    mkdirSync(apart)
    writeFileSync(join(apart, 'package.json'), '{ "private": true }')
    await npmInstall(apart, Object.values(bundlers).flat())
    writeFileSync(join(folder, 'app.mjs'), program)
    writeFileSync(join(folder, 'webpack.config.cjs'), webpackConfig)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(Object.entries(builds))('%s', (_, [file, ...command]) => {
    const [, tool, ...args] = command
    runIn(folder, join(folder, '.bundlers/node_modules/.bin', tool!), ...args)
    const lines = runIn(folder, process.execPath, file).trim().split('\n')
    expect(lines.slice(0, 4)).toEqual(['none 5000', 'gzip 5000', 'snappy 5000', 'lz4 5000'])
    if (hasOwnZstd || name.startsWith('with ')) expect(lines[4]).toBe('zstd 5000')
    else
      expect(lines[4]).toMatch(
        /^zstd UNSUPPORTED_COMPRESSION_TYPE .*npm install @bokuweb\/zstd-wasm/,
      )
  })
})

describe('Next.js', () => {
  let folder: string
  beforeAll(async () => {
    const others = ['next@15.5.6', 'react@19.2.0', 'react-dom@19.2.0']
    folder = await installPackage({ others, versions: 'newest', seconds: 150 })
    mkdirSync(join(folder, 'app/api'), { recursive: true })
    const layout = 'export default ({ children }) => <html><body>{children}</body></html>\n'
    writeFileSync(join(folder, 'app/layout.jsx'), layout)
    writeFileSync(join(folder, 'app/page.jsx'), 'export default () => <p>hello</p>\n')
    const route = `import { Client } from 'kafka-do'
const kafka = new Client('memory:')
export const dynamic = 'force-dynamic'
export async function GET() {
  return Response.json(await kafka.produce('orders', { at: 1 }))
}
`
    writeFileSync(join(folder, 'app/api/route.js'), route)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('builds a route that produces, and answers with where the record is', async () => {
    runIn(folder, 'npx', 'next', 'build')
    const server = spawn('npx', ['next', 'start', '-p', '0'], { cwd: folder, detached: true })
    try {
      const url = await new Promise<string>((resolve) => {
        let said = ''
        server.stdout.on('data', (chunk) => {
          said += chunk
          const found = /http:\/\/localhost:\d+/.exec(said)
          if (found) resolve(found[0])
        })
      })
      const answer = await fetch(`${url.replace('localhost', '127.0.0.1')}/api`)
      expect(await answer.json()).toMatchObject({ topic: 'orders', partition: 0, offset: '0' })
    } finally {
      process.kill(-server.pid!, 'SIGKILL')
    }
  })
})
