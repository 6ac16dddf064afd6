/**
 * Where a reader is: the topic by its id, and the next offset of each partition. Text that says it all, so any replica can
 * go on, and asking again gives the same again. `c1.<topic id>.<offsets in base 36, by partition, `_` for those not read>`
 */
import { HttpError } from '../problem.ts'

export interface Cursor {
  readonly topicId: string
  /** By partition; partitions that came since are not in it. */
  readonly offsets: ReadonlyMap<number, bigint>
}

const shape = /^c1\.([A-Za-z0-9_-]{22})\.([a-z0-9_.]*)$/
const offsetMax = 2n ** 63n - 1n

export function isCursor(text: string): boolean {
  return text.startsWith('c1.')
}

export function writeCursor(topicId: string, offsets: ReadonlyMap<number, bigint>): string {
  let partitions = 0
  for (const partition of offsets.keys()) partitions = Math.max(partitions, partition + 1)
  const parts: string[] = []
  for (let i = 0; i < partitions; i++) parts.push(offsets.get(i)?.toString(36) ?? '_')
  return `c1.${topicId}.${parts.join('.')}`
}

/** Throws `HttpError` 400. */
export function readCursor(text: string): Cursor {
  const match = shape.exec(text)
  if (!match) throw notOurs(text)
  const [, topicId, list] = match
  const offsets = new Map<number, bigint>()
  if (list !== '') {
    list!.split('.').forEach((part, partition) => {
      if (part === '_') return
      const offset = fromBase36(part)
      if (offset === undefined) throw notOurs(text)
      offsets.set(partition, offset)
    })
  }
  return { topicId: topicId!, offsets }
}

function fromBase36(text: string): bigint | undefined {
  if (!/^[0-9a-z]{1,13}$/.test(text)) return undefined
  let value = 0n
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36))
  return value <= offsetMax ? value : undefined
}

function notOurs(text: string): HttpError {
  return new HttpError(
    400,
    `'${text.slice(0, 100)}' is no cursor of this API; take one from an answer, as it is`,
    {
      code: 'INVALID_CURSOR',
    },
  )
}
