/** What is watched: topics, disks, groups. */
import { askJson } from './service.ts'

export interface TopicSize {
  readonly name: string
  readonly id: string
  readonly partitions: number
  readonly records: string
  readonly end: string
  /** Null: not to be known with this key. */
  readonly bytes: string | null
}

export interface Disk {
  readonly node: number
  readonly folder: string
  readonly recordBytes: string
  readonly totalBytes: string | null
  readonly freeBytes: string | null
}

export interface GroupSize {
  readonly group: string
  readonly state: string
  readonly members: number
  readonly totalLag: string
  readonly committed: string
  readonly topics: readonly { readonly topic: string; readonly lag: string }[]
}

export interface Caller {
  readonly principal: string
  readonly hasAccessControl: boolean
  readonly rights: {
    readonly describeCluster: boolean
    readonly createTopics: boolean
    readonly alterCluster: boolean
  }
}

export function topicSizes(signal: AbortSignal): Promise<{ topics: readonly TopicSize[] }> {
  const needs = 'describe on topics'
  return askJson({ path: ['sizes', 'topics'], what: 'the topics', needs, signal })
}

export function groupSizes(signal: AbortSignal): Promise<{ groups: readonly GroupSize[] }> {
  const needs = 'describe on groups'
  return askJson({ path: ['sizes', 'groups'], what: 'the groups', needs, signal })
}

export function disks(signal: AbortSignal): Promise<{ disks: readonly Disk[] }> {
  const needs = 'describe on the cluster'
  return askJson({ path: ['sizes', 'disks'], what: 'the disks', needs, signal })
}

export function caller(signal: AbortSignal): Promise<Caller> {
  return askJson({ path: ['caller'], what: 'who you are', signal })
}

export interface Cluster {
  readonly id: string
  readonly controllerId: number | undefined
  readonly nodes: readonly { readonly id: number; readonly rack?: string }[]
}

export function cluster(signal: AbortSignal): Promise<Cluster> {
  return askJson({
    ...{ path: ['cluster'], what: 'the cluster', needs: 'describe on the cluster', signal },
  })
}
