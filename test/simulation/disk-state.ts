/**
 * What a simulated disk holds: for each file and folder what the process sees (`live`), what is on the platter
 * (`durable`), and the changes between the two, in order. And what of that a power failure leaves.
 */
import type { SeededRandom } from './random.ts'

const sectorBytes = 512

export type Bytes = Uint8Array<ArrayBuffer>

/** A written range, or a new length. */
export type ContentChange =
  | { readonly type: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly size: number }

export type NameChange =
  | { readonly type: 'link'; readonly name: string; readonly node: DiskNode }
  | { readonly type: 'unlink'; readonly name: string }
  | { readonly type: 'rename'; readonly from: string; readonly to: string; readonly node: DiskNode }

export type DiskNode = FileNode | FolderNode

/** Bytes that grow without being copied each time, and that copies share until one of them changes. */
export class Content {
  #buffer: Bytes
  #size: number
  #isShared = false

  constructor(bytes: Bytes = new Uint8Array(0)) {
    this.#buffer = bytes
    this.#size = bytes.length
  }

  get size(): number {
    return this.#size
  }

  copy(): Content {
    const copy = new Content(this.#buffer)
    copy.#size = this.#size
    copy.#isShared = true
    this.#isShared = true
    return copy
  }

  slice(start = 0, end = this.#size): Bytes {
    return this.#buffer.slice(Math.min(start, this.#size), Math.min(end, this.#size))
  }

  flipBit(at: number): void {
    this.#own()
    if (at < this.#size) this.#buffer[at]! ^= 1
  }

  apply(change: ContentChange): void {
    if (change.type === 'truncate') return this.resize(change.size)
    if (change.bytes.length === 0) return
    this.resize(Math.max(this.#size, change.at + change.bytes.length))
    this.#own()
    this.#buffer.set(change.bytes, change.at)
  }

  /** Cuts, or fills with zeros. */
  resize(size: number): void {
    if (size > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(size, this.#buffer.length * 2))
      grown.set(this.#buffer.subarray(0, this.#size))
      this.#buffer = grown
      this.#isShared = false
    }
    if (size < this.#size) {
      this.#own()
      this.#buffer.fill(0, size, this.#size)
    }
    this.#size = size
  }

  #own(): void {
    if (!this.#isShared) return
    this.#buffer = this.#buffer.slice()
    this.#isShared = false
  }
}

/** Changes that are not durable yet. A sync covers those that were there when it began, and no others. */
export class Unsynced<Change> {
  #changes: { readonly number: number; readonly change: Change }[] = []
  #last = 0

  add(change: Change): void {
    this.#changes.push({ number: ++this.#last, change })
  }

  /** Names the changes so far, for `take`. */
  mark(): number {
    return this.#last
  }

  /** Removes and returns the changes up to a mark. */
  take(mark: number): Change[] {
    const taken = this.#changes.filter(({ number }) => number <= mark)
    this.#changes = this.#changes.filter(({ number }) => number > mark)
    return taken.map(({ change }) => change)
  }

  all(): Change[] {
    return this.#changes.map(({ change }) => change)
  }
}

export class FileNode {
  readonly kind = 'file'
  readonly live: Content
  readonly durable: Content
  readonly unsynced = new Unsynced<ContentChange>()
  /** When it was last changed, where the disk keeps times. */
  modifiedMs = 0

  constructor(content = new Content()) {
    this.live = content
    this.durable = content.copy()
  }

  change(change: ContentChange): void {
    this.live.apply(change)
    this.unsynced.add(change)
  }
}

export class FolderNode {
  readonly kind = 'folder'
  readonly live = new Map<string, DiskNode>()
  readonly durable = new Map<string, DiskNode>()
  readonly unsynced = new Unsynced<NameChange>()

  change(change: NameChange): void {
    applyName(this.live, change)
    this.unsynced.add(change)
  }

  makeDurable(changes: readonly NameChange[]): void {
    for (const change of changes) applyName(this.durable, change)
  }
}

/** The folder as it is found when the power comes back: everything in the new one is durable. */
export function afterPowerFailure(folder: FolderNode, random: SeededRandom): FolderNode {
  const names = new Map(folder.durable)
  for (const change of survivingNames(folder.unsynced.all(), random)) applyName(names, change)
  const next = new FolderNode()
  for (const [name, node] of names) {
    const survivor =
      node.kind === 'folder' ? afterPowerFailure(node, random) : fileAfterPowerFailure(node, random)
    next.live.set(name, survivor)
    next.durable.set(name, survivor)
  }
  return next
}

function fileAfterPowerFailure(file: FileNode, random: SeededRandom): FileNode {
  const content = file.durable.copy()
  applySurviving(content, file.unsynced.all(), random)
  const survivor = new FileNode(content)
  survivor.modifiedMs = file.modifiedMs
  return survivor
}

/** Writes back some of the changes, as a device may that was interrupted, or that reported an error. */
export function applySurviving(
  content: Content,
  changes: readonly ContentChange[],
  random: SeededRandom,
): void {
  // Some machines lose everything, some nothing, some a bit of each.
  const keptShare = [0, 0.5, 1][random.below(3)]!
  for (const change of changes) {
    if (change.type === 'truncate') {
      if (random.chance(keptShare)) content.apply(change)
    } else if (!random.chance(keptShare)) {
      // The length may have reached the disk without the content.
      const end = change.at + change.bytes.length
      if (end > content.size && random.chance(0.3)) content.resize(end)
    } else if (random.chance(0.7)) content.apply(change)
    else for (const part of torn(change, random)) content.apply(part)
  }
}

/** Some of the sectors that a write touches: its first ones, or any. */
function torn(
  { at, bytes }: ContentChange & { type: 'write' },
  random: SeededRandom,
): ContentChange[] {
  const cuts: number[] = [0]
  const first = sectorBytes - (at % sectorBytes)
  for (let cut = first; cut < bytes.length; cut += sectorBytes) cuts.push(cut)
  const parts = cuts.map((cut, i) => ({
    type: 'write' as const,
    at: at + cut,
    bytes: bytes.subarray(cut, cuts[i + 1] ?? bytes.length),
  }))
  return random.chance(0.5)
    ? parts.slice(0, random.below(parts.length + 1))
    : parts.filter(() => random.chance(0.5))
}

/**
 * A journal keeps a beginning of the sequence. Other file systems write names back independently, but what happened
 * to one name, or to names that a rename ties together, in order.
 */
function survivingNames(changes: readonly NameChange[], random: SeededRandom): NameChange[] {
  if (random.chance(0.5)) return changes.slice(0, random.below(changes.length + 1))
  const kept = new Set<NameChange>()
  for (const related of relatedChanges(changes)) {
    for (const change of related.slice(0, random.below(related.length + 1))) kept.add(change)
  }
  return changes.filter((change) => kept.has(change))
}

function relatedChanges(changes: readonly NameChange[]): NameChange[][] {
  const groups: { readonly names: Set<string>; readonly changes: NameChange[] }[] = []
  for (const change of changes) {
    const names = change.type === 'rename' ? [change.from, change.to] : [change.name]
    const touched = groups.filter((group) => names.some((name) => group.names.has(name)))
    const merged = {
      names: new Set([...touched.flatMap((group) => [...group.names]), ...names]),
      changes: [...touched.flatMap((group) => group.changes), change],
    }
    groups.splice(0, groups.length, ...groups.filter((group) => !touched.includes(group)), merged)
  }
  // Merging put the changes of one group after those of another.
  return groups.map((group) => changes.filter((change) => group.changes.includes(change)))
}

function applyName(names: Map<string, DiskNode>, change: NameChange): void {
  if (change.type === 'link') names.set(change.name, change.node)
  else if (change.type === 'unlink') names.delete(change.name)
  else {
    names.delete(change.from)
    names.set(change.to, change.node)
  }
}

/** What a file or folder takes besides its content. */
export const entryBytes = 64

export function usedBytes(folder: FolderNode): number {
  let sum = 0
  for (const node of folder.live.values())
    sum += entryBytes + (node.kind === 'file' ? node.live.size : usedBytes(node))
  return sum
}
