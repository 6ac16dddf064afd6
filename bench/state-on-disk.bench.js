// State on disk beside state in memory: what a put with its commit, a get, and an entry of a restoration take. `npm run bench -- state-on-disk`.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json, string } from './modules/client/serializer.js'
import { HotValues } from './modules/streams/state-dir/hot-values.js'
import { openLevel } from './modules/streams/state-dir/level-engine.js'
import { TaskFiles } from './modules/streams/state-dir/task-files.js'
import { openStore } from './modules/streams/stores/open-store.js'
import { Undo } from './modules/streams/task/undo.js'

const keys = 200_000
const perCommit = 1000
const spec = { kind: 'key-value', name: 'totals', key: string, value: json(), changelog: 'own' }
const text = 'x'.repeat(60)
const keyOf = (i) => `customer-${String((i * 7919) % keys).padStart(8, '0')}`

async function measure(name, count, work) {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const micros = ((user + system) / count).toFixed(2)
  console.log(
    `${name.padEnd(44)} ${String(Math.round(count / seconds)).padStart(9)}/s ${micros.padStart(7)} µs of CPU`,
  )
}

async function fill(store, undo, files, value) {
  for (let i = 0; i < keys; i++) {
    store.get(keyOf(i))
    store.put(keyOf(i), { total: value + i, text }, i)
    undo.clear()
    if ((i + 1) % perCommit !== 0) continue
    await files?.settled()
    for (const _ of store.changes());
    store.commit()
    files?.note('totals', BigInt(i))
    files?.write()
  }
  await files?.settled()
}

function readAll(store, count) {
  for (let i = 0; i < count; i++) if (!store.get(keyOf(i * 31))) throw new Error('missing')
}

async function run(name, cacheBytes) {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-do-bench-'))
  const open = async (sub) => {
    if (cacheBytes === undefined) return {}
    const engine = await openLevel(join(folder, sub))
    const hot = new HotValues(cacheBytes)
    const stores = [{ spec, origin: '' }]
    return { files: await TaskFiles.open({ engine, path: folder, stores, hot, now: Date.now }) }
  }
  const { files } = await open('a')
  const undo = new Undo()
  const store = openStore(spec, undo, files?.cellsOf(spec))
  await measure(`${name}: get, put new, commit`, keys, () => fill(store, undo, files, 0))
  await measure(`${name}: get, put over, commit`, keys, () => fill(store, undo, files, 1))
  await measure(`${name}: get`, keys, async () => readAll(store, keys))
  await files?.close()
  const other = await open('b')
  const empty = openStore(spec, new Undo(), other.files?.cellsOf(spec))
  const encoder = new TextEncoder()
  const value = encoder.encode(JSON.stringify({ total: 1, text }))
  await measure(`${name}: restore`, keys, async () => {
    for (let i = 0; i < keys; i++) {
      empty.restore(encoder.encode(keyOf(i)), value, i)
      if (!other.files?.isFull) continue
      other.files.note('totals', BigInt(i))
      await other.files.write()
    }
    await other.files?.write()
  })
  await other.files?.close()
  if (cacheBytes !== undefined) {
    await measure(`${name}: open again, all of it`, keys, async () =>
      (await open('a')).files.close(),
    )
  }
  rmSync(folder, { recursive: true, force: true })
}

await run('memory', undefined)
await run('disk, cache 64 MiB', 64 * 1024 * 1024)
await run('disk, no cache', 0)
