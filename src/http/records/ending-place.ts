/** Where reading stops: what `to` says, as offsets by partition. */

type Places = ReadonlyMap<number, bigint>

/** Of places, those that are before the end of their partition. */
export function before(places: Places, ends: Places): Map<number, bigint> {
  return new Map([...places].filter(([partition, offset]) => offset < (ends.get(partition) ?? 0n)))
}

/** Places after reading on from `places`. A fetch may pass by the end: what is there was not seen. */
export function moved(places: Places, next: Places, ends: Places | undefined): Map<number, bigint> {
  const now = new Map(places)
  for (const [partition, offset] of next) {
    const end = ends?.get(partition)
    now.set(partition, end !== undefined && offset > end ? end : offset)
  }
  return now
}
