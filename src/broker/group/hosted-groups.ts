/**
 * Which groups exist, each with its offsets. A group that has been deleted may have been followed by another of its id;
 * what is still under way for the first one finds with `isCurrent` that it no longer counts.
 */
import type { Group } from './group.ts'
import { GroupOffsets } from './group-offsets.ts'

export interface HostedGroup {
  readonly group: Group
  readonly offsets: GroupOffsets
}

export class HostedGroups {
  readonly #byId = new Map<string, HostedGroup>()
  readonly #create: (groupId: string) => Group

  /** `create`: of the kind that comes to be when somebody commits or joins by an id that is not known. */
  constructor(create: (groupId: string) => Group) {
    this.#create = create
  }

  get(groupId: string): HostedGroup | undefined {
    return this.#byId.get(groupId)
  }

  /** The group of this id, made if there is none. */
  host(groupId: string): HostedGroup {
    let hosted = this.#byId.get(groupId)
    if (!hosted) {
      hosted = { group: this.#create(groupId), offsets: new GroupOffsets() }
      this.add(hosted)
    }
    return hosted
  }

  add(hosted: HostedGroup): void {
    this.#byId.set(hosted.group.id, hosted)
  }

  remove({ group }: HostedGroup): void {
    this.#byId.delete(group.id)
  }

  all(): HostedGroup[] {
    return [...this.#byId.values()]
  }

  /** Whether the group has not been deleted, nor another begun under its id. */
  isCurrent(group: Group): boolean {
    return this.#byId.get(group.id)?.group === group
  }

  /** A request that came to nothing, such as a join that was refused, leaves no group behind. */
  dropUnused({ group, offsets }: HostedGroup): void {
    const isUnused = group.isUnused && offsets.isEmpty && offsets.underWay.size === 0
    if (isUnused && this.isCurrent(group)) this.#byId.delete(group.id)
  }
}
