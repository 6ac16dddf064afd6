/**
 * Where the tasks of a group belong: with those who have them, or else have most of their state, as far as balance allows. What
 * state must be brought along first is not its business.
 *
 * Tasks with state are spread first, by number; then those without, by weight of all that each member has (3 to 1), so that they
 * fill up what is uneven. Of all that may run a task nobody has more than the weight of one task above another; where members
 * run different sub-topologies, as far as moves between two of them can do.
 *
 * Two runs over the same input give the same, whatever the order of members in it; and what they gave is given again.
 */
import { groupBy } from '../../core/group-by.ts'
import type { GroupState, TaskMember, TaskShape } from './group-state.ts'

const statefulWeight = 3
const statelessWeight = 1

/** What one member is to have. */
interface Share {
  readonly member: TaskMember
  load: number
  /** Of the kind that is being spread; the last are the first to go. */
  tasks: TaskShape[]
}

/** By task, the member it belongs to. Tasks that nobody can run are left out. */
export function balanceTasks(group: GroupState, maxLag: number): Map<TaskShape, TaskMember> {
  const shares = group.members.map((member): Share => ({ member, load: 0, tasks: [] }))
  const places = new Map<TaskShape, TaskMember>()
  for (const isStateful of [true, false]) {
    const balance = new TaskBalance(
      group,
      shares,
      isStateful ? statefulWeight : statelessWeight,
      maxLag,
    )
    balance.spread(group.tasks.filter((task) => task.isStateful === isStateful))
    for (const share of shares) {
      for (const task of share.tasks) places.set(task, share.member)
      share.tasks = []
    }
  }
  return places
}

/** Spreads tasks of one weight. */
class TaskBalance {
  readonly #group: GroupState
  readonly #shares: readonly Share[]
  readonly #weight: number
  readonly #maxLag: number
  readonly #byProcess: ReadonlyMap<string, readonly Share[]>
  readonly #ableTo = new Map<number, readonly Share[]>()

  constructor(group: GroupState, shares: readonly Share[], weight: number, maxLag: number) {
    this.#group = group
    this.#shares = shares
    this.#weight = weight
    this.#maxLag = maxLag
    this.#byProcess = groupBy(shares, ({ member }) => member.processId)
  }

  spread(tasks: readonly TaskShape[]): void {
    const isOpen = (task: TaskShape) => !this.#give(task, this.#ownerOf(task))
    const isNew = (task: TaskShape) => !this.#give(task, this.#nearest(task))
    const unknown = tasks.filter(isOpen).filter(isNew)
    for (const task of unknown) this.#give(task, lightest(this.#able(task)))
    this.#moveToState()
    this.#level()
  }

  #ownerOf(task: TaskShape): Share | undefined {
    const owner = this.#group.owners.get(task)
    return owner && this.#able(task).find(({ member }) => member === owner)
  }

  /** Who lacks least of its state; of those alike, who has least to do. */
  #nearest(task: TaskShape): Share | undefined {
    let best: Share | undefined
    let least = Number.POSITIVE_INFINITY
    for (const [processId, lag] of this.#group.lags.get(task) ?? []) {
      for (const share of this.#ofProcess(task, processId)) {
        if (best && (lag > least || (lag === least && share.load >= best.load))) continue
        best = share
        least = lag
      }
    }
    return best
  }

  /**
   * From who has more than the mean to who has less, and has the state of what moves. What can move at once goes first, then what
   * is being warmed up for it already, so that this goes on; then where least is lacking.
   */
  #moveToState(): void {
    const mean = this.#shares.reduce((sum, { load }) => sum + load, 0) / this.#shares.length
    const moves: { from: Share; to: Share; task: TaskShape; rank: number; lag: number }[] = []
    for (const from of this.#shares) {
      if (from.load <= mean) continue
      for (const task of from.tasks) {
        const lags = this.#group.lags.get(task)
        if (!lags) continue
        for (const [processId, lag] of lags) {
          for (const to of this.#ofProcess(task, processId)) {
            if (to.load < mean) moves.push({ from, to, task, lag, rank: this.#rank(task, to, lag) })
          }
        }
      }
    }
    // Stable: of those alike the first tasks and members.
    moves.sort((a, b) => a.rank - b.rank || (a.lag === b.lag ? 0 : a.lag - b.lag))
    const moved = new Set<TaskShape>()
    for (const { from, to, task } of moves) {
      const isUseful = from.load > mean && to.load < mean && from.load - to.load > this.#weight
      if (!isUseful || moved.has(task)) continue
      moved.add(task)
      this.#take(from, from.tasks.indexOf(task))
      this.#give(task, to)
    }
  }

  #rank(task: TaskShape, { member }: Share, lag: number): number {
    if (lag <= this.#maxLag) return 0
    return this.#group.copies.get(task)?.get(member.processId) === 'warmup' ? 1 : 2
  }

  /** One after the other from who has most to who has least, until no move makes it more even. */
  #level(): void {
    const stuck = new Set<Share>()
    for (let hasMoved = false; ; ) {
      const from = heaviest(this.#shares, stuck)
      if (from && from.load - lightest(this.#shares)!.load > this.#weight) {
        if (this.#moveOne(from)) hasMoved = true
        else stuck.add(from)
      } else {
        // A move may have made room for what was stuck before.
        if (!hasMoved || stuck.size === 0) return
        stuck.clear()
        hasMoved = false
      }
    }
  }

  #moveOne(from: Share): boolean {
    const seen = new Set<number>()
    for (let at = from.tasks.length - 1; at >= 0; at--) {
      const task = from.tasks[at]!
      if (seen.has(task.subTopology)) continue
      seen.add(task.subTopology)
      const to = lightest(this.#able(task))!
      if (from.load - to.load <= this.#weight) continue
      this.#take(from, at)
      return this.#give(task, to)
    }
    return false
  }

  #give(task: TaskShape, to: Share | undefined): boolean {
    if (!to) return false
    to.tasks.push(task)
    to.load += this.#weight
    return true
  }

  #take(from: Share, at: number): void {
    from.tasks.splice(at, 1)
    from.load -= this.#weight
  }

  /** Those of its members that can run it. */
  #ofProcess({ subTopology }: TaskShape, processId: string): readonly Share[] {
    const shares = this.#byProcess.get(processId) ?? []
    return shares.filter(({ member }) => member.canRun(subTopology))
  }

  #able({ subTopology }: TaskShape): readonly Share[] {
    let able = this.#ableTo.get(subTopology)
    if (!able) {
      able = this.#shares.filter(({ member }) => member.canRun(subTopology))
      this.#ableTo.set(subTopology, able)
    }
    return able
  }
}

function lightest(shares: readonly Share[]): Share | undefined {
  let best = shares[0]
  for (const share of shares) if (share.load < best!.load) best = share
  return best
}

function heaviest(shares: readonly Share[], stuck: ReadonlySet<Share>): Share | undefined {
  let best: Share | undefined
  for (const share of shares) {
    if (!stuck.has(share) && (!best || share.load > best.load)) best = share
  }
  return best
}
