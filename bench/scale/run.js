/**
 * What a unit of work costs as there is more of everything: partitions, groups, members, connections, stored bytes. What
 * grows by more than twice from one of the sizes to the largest is marked. `npm run bench:scale`, or with names of axes:
 * `node bench/scale/run.js members` after a build. With `--write` the chart in docs/ and the table in docs/benchmarks.md
 * are made anew, from all axes.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chart } from './chart.js'

/** @type {{ [axis: string]: readonly number[] }} */
const sizes = {
  partitions: [1, 10, 100, 1000, 10_000],
  groups: [1, 10, 100, 1000],
  members: [1, 10, 100, 1000],
  connections: [1, 10, 100, 1000, 5000],
  stored: [1, 10, 100],
}
const titles = /** @type {{ [axis: string]: string }} */ ({ stored: 'gibibytes stored' })
/** What is fixed, and shared by all there is, looks large beside one or ten. */
const comparedFrom = 10
const growthMax = 2

const program = fileURLToPath(new URL('program.js', import.meta.url))
const docs = new URL('../../docs/', import.meta.url)
const isWritten = process.argv.includes('--write')
const wanted = process.argv.slice(2).filter((name) => !name.startsWith('--'))
for (const name of wanted) if (!sizes[name]) throw new Error(`no such axis: ${name}`)

/** @typedef {{ readonly axis: string, readonly figure: string, readonly points: readonly (readonly [size: number, value: number])[] }} Line */

/** @type {Line[]} */
const lines = []
const head = `node ${process.version}, ${process.platform} ${process.arch}; microseconds of processor time unless it says otherwise`
console.log(head)
for (const [axis, counts] of Object.entries(sizes)) {
  if (wanted.length > 0 && !wanted.includes(axis)) continue
  const results = counts.map((count) => measured(axis, count))
  const title = titles[axis] ?? axis
  console.log(`\n${title.padEnd(44)}${counts.map(column).join('')}`)
  for (const figure of Object.keys(results[0] ?? {})) {
    const points = counts.map(
      (count, i) => /** @type {const} */ ([count, results[i]?.[figure] ?? 0]),
    )
    lines.push({ axis: title, figure, points })
    const values = points.map(([, value]) => column(value)).join('')
    console.log(`${figure.padEnd(44)}${values}${grows(points) ? '  GROWS' : ''}`)
  }
}
if (isWritten && wanted.length === 0) write()

/** @param {string} axis @param {number} count @returns {{ [figure: string]: number }} */
function measured(axis, count) {
  const { status, stdout } = spawnSync(process.execPath, [program, axis, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${axis} ${count} ended with ${status}`)
  return JSON.parse(stdout)
}

/** @param {Line['points']} points */
function grows(points) {
  const compared = points.filter(([size]) => size >= comparedFrom).map(([, value]) => value)
  return (compared.at(-1) ?? 0) > growthMax * Math.max(1, Math.min(...compared))
}

/** @param {number} value */
function column(value) {
  const text =
    value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)))
  return text.padStart(11)
}

function write() {
  writeFileSync(new URL('scale.svg', docs), chart(lines))
  const page = new URL('benchmarks.md', docs)
  const [before = '', , after = ''] = readFileSync(page, 'utf8').split(
    /<!-- (?:begin|end) scale -->/,
  )
  writeFileSync(page, `${before}<!-- begin scale -->\n\n${table()}\n<!-- end scale -->${after}`)
}

function table() {
  const axesOf = [...new Set(lines.map(({ axis }) => axis))]
  const parts = axesOf.map((axis) => {
    const own = lines.filter((line) => line.axis === axis)
    const counts = own[0]?.points.map(([count]) => count.toLocaleString('en')) ?? []
    const rows = own.map(
      ({ figure, points }) =>
        `| ${figure} | ${points.map(([, value]) => column(value).trim()).join(' | ')} |`,
    )
    return [
      `| ${axis} | ${counts.join(' | ')} |`,
      `|---|${counts.map(() => '---:|').join('')}`,
      ...rows,
      '',
    ].join('\n')
  })
  return parts.join('\n')
}
