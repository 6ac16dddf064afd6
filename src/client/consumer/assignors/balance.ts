/**
 * Sharing partitions out as evenly as the subscriptions allow, moving as few as possible.
 *
 * What has an owner stays there at first; the rest goes to whoever has least. Then, as long as one member has at least
 * two more than another that can be reached from it, one partition moves along the shortest way between them: a way is
 * a chain of members in which each subscribes to a topic the one before has something of.
 */

/** What one member gets. */
export interface Share {
  readonly topics: ReadonlySet<string>
  /** By topic; the last of each topic is the first to go. */
  readonly partitions: Map<string, number[]>
  size: number
}

/** One step of a way: a partition of `topic` goes from `from` to the share this belongs to. */
interface Step {
  readonly from: Share
  readonly topic: string
}

/** Fills `shares`, which are empty, and whose order decides where nothing else does. */
export function balance(
  shares: readonly Share[],
  partitionsPerTopic: ReadonlyMap<string, number>,
  ownerOf: (topic: string, partition: number) => Share | undefined,
): void {
  const subscribers = new Map<string, Share[]>()
  const free: [topic: string, partition: number][] = []
  for (const topic of [...partitionsPerTopic.keys()].sort()) {
    const ofTopic = shares.filter(({ topics }) => topics.has(topic))
    if (ofTopic.length === 0) continue
    subscribers.set(topic, ofTopic)
    for (let partition = 0; partition < partitionsPerTopic.get(topic)!; partition++) {
      const owner = ownerOf(topic, partition)
      if (owner) give(owner, topic, partition)
      else free.push([topic, partition])
    }
  }
  for (const [topic, partition] of free) give(lightest(subscribers.get(topic)!), topic, partition)
  level(shares, subscribers)
}

/** Short ways first: a partition that need not move stays. */
function level(shares: readonly Share[], subscribers: ReadonlyMap<string, readonly Share[]>): void {
  for (let stepsMax = 1; stepsMax < shares.length; ) {
    const least = lightest(shares).size
    const heavy = shares.filter(({ size }) => size > least + 1).sort((a, b) => b.size - a.size)
    if (heavy.length === 0) return
    const moved = heavy.filter((share) => moveOne(share, subscribers, stepsMax)).length
    stepsMax = moved > 0 ? 1 : stepsMax + 1
  }
}

function moveOne(
  share: Share,
  subscribers: ReadonlyMap<string, readonly Share[]>,
  stepsMax: number,
): boolean {
  const steps = new Map<Share, Step>()
  let to = findLighter(share, subscribers, stepsMax, steps)
  if (!to) return false
  while (to !== share) {
    const { from, topic }: Step = steps.get(to)!
    give(to, topic, from.partitions.get(topic)!.pop()!)
    from.size--
    to = from
  }
  return true
}

/** The nearest share with at least two fewer, the lightest of those as near; `steps` then leads back from it. */
function findLighter(
  start: Share,
  subscribers: ReadonlyMap<string, readonly Share[]>,
  stepsMax: number,
  steps: Map<Share, Step>,
): Share | undefined {
  const seenTopics = new Set<string>()
  let reached: readonly Share[] = [start]
  for (let count = 1; count <= stepsMax && reached.length > 0; count++) {
    const next: Share[] = []
    for (const from of reached) {
      for (const [topic, numbers] of from.partitions) {
        if (numbers.length === 0 || seenTopics.has(topic)) continue
        seenTopics.add(topic)
        for (const to of subscribers.get(topic)!) {
          if (to === start || steps.has(to)) continue
          steps.set(to, { from, topic })
          next.push(to)
        }
      }
    }
    if (next.length > 0) {
      const best = lightest(next)
      if (best.size + 1 < start.size) return best
    }
    reached = next
  }
  return undefined
}

function give(share: Share, topic: string, partition: number): void {
  const numbers = share.partitions.get(topic)
  if (numbers) numbers.push(partition)
  else share.partitions.set(topic, [partition])
  share.size++
}

function lightest(shares: readonly Share[]): Share {
  let best = shares[0]!
  for (const share of shares) if (share.size < best.size) best = share
  return best
}
