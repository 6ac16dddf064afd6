/**
 * Builds `dist/` from `src/`: an ES module for each entry of package.json, what they share in `dist/chunks/`, and the type
 * declarations, one a source file; and the console in `dist/console/`. Why bundled, and how: docs/decisions/0024-bundles.md.
 *
 *   node scripts/build.js             dist/
 *   node scripts/build.js --modules   bench/modules/, one a source file, for benchmarks of what no entry exports
 */
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { buildConsole } from './build-console.js'

const root = fileURLToPath(new URL('..', import.meta.url))

if (process.argv.includes('--modules')) {
  rmSync(`${root}bench/modules`, { recursive: true, force: true })
  await tsc('--declaration', 'false', '--outDir', 'bench/modules')
} else {
  rmSync(`${root}dist`, { recursive: true, force: true })
  await Promise.all([tsc('--emitDeclarationOnly'), bundle(), buildConsole()])
}

async function bundle() {
  const build = await rolldown({
    cwd: root,
    input: entries(),
    platform: 'neutral',
    // What is installed beside the package stays an import, and is loaded when that is reached.
    external: (id) => !/^[./]|^@oxc-project\/runtime\//.test(id),
    tsconfig: 'tsconfig.json',
    transform: { target: 'es2023' },
    // As package.json says to the bundlers of users.
    treeshake: { moduleSideEffects: false },
    onLog(level, { message }) {
      throw new Error(`rolldown, ${level}: ${message}`)
    },
  })
  await build.write({
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    // With the sources in them: the package has no others.
    sourcemap: true,
    // Small modules that nearly every program needs, in one file each; a user's bundler drops what it does not.
    codeSplitting: {
      groups: [
        { name: 'core', test: /\/src\/core\// },
        { name: 'protocol', test: /\/src\/protocol\/(?!messages\/generated|compression)/ },
      ],
    },
    // The declarations have them. `@__PURE__` is for the bundlers of users.
    comments: { legal: true, annotation: true, jsdoc: false },
  })
  await build.close()
}

/** Every file of `dist/` that package.json names: as `{ 'server/index': 'src/server/index.ts' }`. */
function entries() {
  const { bin, exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  const names = JSON.stringify([bin, exports]).matchAll(/"\.\/dist\/([^"]+)\.js"/g)
  return Object.fromEntries([...names].map(([, name]) => [name, `src/${name}.ts`]))
}

/** TypeScript's compiler. Rejects when it finds a mistake. */
function tsc(...options) {
  const args = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', ...options]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`tsc ended with ${code}`)),
    )
  })
}
