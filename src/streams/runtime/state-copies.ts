/**
 * In which processes copies of the state of tasks are kept, besides where the tasks run: the warm-ups that moves need, and
 * standbys. A process keeps one copy of a task, or runs it, never both.
 */
import type { GroupState, TaskMember, TaskShape } from './group-state.ts'

/** A task, and where it runs; also where it is to move to when its state is there. */
export interface PlacedTask {
  readonly task: TaskShape
  readonly active: TaskMember
  readonly warmup: TaskMember | undefined
}

export class StateCopies {
  readonly #group: GroupState
  readonly #standbys: number
  readonly #processes = new Map<string, TaskMember[]>()
  /** How many each keeps. */
  readonly #byMember = new Map<TaskMember, number>()
  /** How many standbys each keeps. */
  readonly #byProcess = new Map<string, number>()

  constructor(group: GroupState, standbys: number) {
    this.#group = group
    for (const member of group.members) {
      const ofProcess = this.#processes.get(member.processId)
      if (ofProcess) ofProcess.push(member)
      else this.#processes.set(member.processId, [member])
    }
    this.#standbys = Math.min(standbys, this.#processes.size - 1)
  }

  /** The member of the process that is to make a copy; one that can run the task. */
  warmup(task: TaskShape, processId: string): TaskMember | undefined {
    return this.#keep(task, processId)
  }

  /**
   * As many as are wanted, where there are enough processes. Those that have a copy stay, up to what each process has on average;
   * then who has least takes what is missing. A warm-up is one where there is no other process.
   */
  standbys(places: readonly PlacedTask[]): Map<TaskShape, TaskMember[]> {
    const stateful = places.filter(({ task }) => task.isStateful)
    const mean = Math.ceil((stateful.length * this.#standbys) / this.#processes.size)
    const chosen = new Map(stateful.map((place) => [place, [] as string[]]))
    const choose = (find: (place: PlacedTask, taken: readonly string[]) => string | undefined) => {
      for (const [place, taken] of chosen) {
        while (taken.length < this.#standbys) {
          const processId = find(place, taken)
          if (processId === undefined) break
          taken.push(processId)
          this.#byProcess.set(processId, this.#count(processId) + 1)
        }
      }
    }
    choose((place, taken) => this.#keeper(place, taken, mean))
    choose((place, taken) => this.#lightest(place, taken))
    return new Map(
      [...chosen].map(([{ task }, ids]) => [task, ids.map((id) => this.#keep(task, id)!)]),
    )
  }

  /** Who was told to have a copy, else who lacks least. */
  #keeper(place: PlacedTask, taken: readonly string[], max: number): string | undefined {
    const { task } = place
    const told = this.#group.copies.get(task)
    const lags = this.#group.lags.get(task)
    let best: string | undefined
    let least = Number.POSITIVE_INFINITY
    for (const processId of lags?.keys() ?? []) {
      if (this.#count(processId) >= max || !this.#isFree(place, taken, processId)) continue
      const lag = told?.has(processId) ? -1 : lags!.get(processId)!
      if (lag < least || (lag === least && best !== undefined && processId < best)) {
        best = processId
        least = lag
      }
    }
    return best
  }

  #lightest(place: PlacedTask, taken: readonly string[]): string | undefined {
    let best: string | undefined
    for (const processId of this.#processes.keys()) {
      if (best !== undefined && this.#count(processId) >= this.#count(best)) continue
      if (this.#isFree(place, taken, processId)) best = processId
    }
    return best
  }

  #isFree({ task, active, warmup }: PlacedTask, taken: readonly string[], processId: string) {
    return (
      processId !== active.processId &&
      processId !== warmup?.processId &&
      !taken.includes(processId) &&
      this.#processes.get(processId)?.some((member) => member.canRun(task.subTopology)) === true
    )
  }

  #keep({ subTopology }: TaskShape, processId: string): TaskMember | undefined {
    let best: TaskMember | undefined
    for (const member of this.#processes.get(processId) ?? []) {
      if (!member.canRun(subTopology)) continue
      if (!best || this.#kept(member) < this.#kept(best)) best = member
    }
    if (best) this.#byMember.set(best, this.#kept(best) + 1)
    return best
  }

  #kept(member: TaskMember): number {
    return this.#byMember.get(member) ?? 0
  }

  #count(processId: string): number {
    return this.#byProcess.get(processId) ?? 0
  }
}
