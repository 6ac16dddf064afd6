/**
 * Which member runs a task, and which processes keep copies of its state. A pure function of what the members said.
 *
 *   where it belongs (task-balance.ts) has the state ──▶ runs there
 *   else: a process that has it runs it, its owner first; where it belongs, a warm-up copy is made: it moves once that is ready
 *
 * A process has the state of a task when it lacks at most `maxLag` entries of it. Where none does, the one that lacks least runs
 * the task at once. Standbys are further copies in other processes than the one that runs it, wherever they are already.
 */
import type { GroupState, TaskMember, TaskShape } from './group-state.ts'
import { type PlacedTask, StateCopies } from './state-copies.ts'
import { balanceTasks } from './task-balance.ts'

export interface AssignmentLimits {
  /** Copies of each stateful task's state besides the one that it runs on. */
  readonly standbys: number
  /** Entries of a changelog that a process may lack and yet take the task over. */
  readonly maxLag: number
}

export interface TaskPlaces {
  readonly active: TaskMember
  readonly standby: readonly TaskMember[]
  /** Where it is to move once the state is there. */
  readonly warmup: TaskMember | undefined
}

/** By task. Those that no member can run are left out. */
export function assignTasks(
  group: GroupState,
  limits: AssignmentLimits,
): Map<TaskShape, TaskPlaces> {
  const runners = new Runners(group, limits.maxLag)
  const copies = new StateCopies(group, limits.standbys)
  const places: PlacedTask[] = []
  const targets = balanceTasks(group, limits.maxLag)
  for (const task of group.tasks) {
    const target = targets.get(task)
    if (!target) continue
    const active = runners.runnerOf(task, target)
    const isThere = active.processId === target.processId
    places.push({
      task,
      active,
      warmup: isThere ? undefined : copies.warmup(task, target.processId),
    })
  }
  const standbys = copies.standbys(places)
  return new Map(
    places.map(({ task, active, warmup }) => [
      task,
      { active, warmup, standby: standbys.get(task) ?? [] },
    ]),
  )
}

/** Who runs what until it is where it belongs. */
class Runners {
  readonly #group: GroupState
  readonly #maxLag: number
  /** How many each runs. */
  readonly #counts = new Map<TaskMember, number>()

  constructor(group: GroupState, maxLag: number) {
    this.#group = group
    this.#maxLag = maxLag
  }

  runnerOf(task: TaskShape, target: TaskMember): TaskMember {
    const runner = task.isStateful ? this.#withState(task, target) : target
    this.#counts.set(runner, this.#count(runner) + 1)
    return runner
  }

  #withState(task: TaskShape, target: TaskMember): TaskMember {
    const lags = this.#group.lags.get(task)
    const lagOf = (member: TaskMember) => lags?.get(member.processId) ?? Number.POSITIVE_INFINITY
    if (lagOf(target) <= this.#maxLag) return target
    const owner = this.#ableOwner(task)
    if (owner && lagOf(owner) <= this.#maxLag) return owner
    let best = target
    for (const member of this.#group.members) {
      const lag = lagOf(member)
      if (lag === Number.POSITIVE_INFINITY || !member.canRun(task.subTopology)) continue
      const lead = lagOf(best) - lag
      const isLighter = best !== target && this.#count(member) < this.#count(best)
      if (lead > 0 || (lead === 0 && isLighter)) best = member
    }
    if (!owner || lagOf(best) <= this.#maxLag) return best
    // Both are at work on it: not to and fro with who is a little ahead.
    return lagOf(owner) <= lagOf(best) + this.#maxLag ? owner : best
  }

  #ableOwner(task: TaskShape): TaskMember | undefined {
    const owner = this.#group.owners.get(task)
    return owner?.canRun(task.subTopology) ? owner : undefined
  }

  #count(member: TaskMember): number {
    return this.#counts.get(member) ?? 0
  }
}
