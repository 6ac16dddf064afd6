/**
 * Runs every benchmark, each in a process of its own, and prints one table: the median of several runs, its range,
 * and the target where there is one. `npm run bench`, or `node bench/run.js NAME…` after a build.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.bench.js'))
  .map((file) => file.replace('.bench.js', ''))
  .filter((name) => wanted.length === 0 || wanted.includes(name))

if (names.length === 0) {
  console.error(`no such benchmark: ${wanted.join(', ')}`)
  process.exit(2)
}
console.log(`node ${process.version}, ${process.platform} ${process.arch}`)
for (const name of names) {
  const { status } = spawnSync(process.execPath, ['--expose-gc', `${folder}${name}.bench.js`], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
}
