/** How far a partition has been read, as it is told to the application. */
import { printable } from '../../core/json.ts'
import type { PartitionConsumption } from './partition-consumption.ts'

/** Position in a partition that is being read. `JSON.stringify` writes its offsets as strings. */
export interface PartitionPosition {
  readonly topic: string
  readonly partition: number
  /** The next offset to be delivered; undefined until it is known where to start. */
  readonly position: bigint | undefined
  /** Offsets between that and the end of the partition as last heard of; undefined until then. */
  readonly lag: bigint | undefined
  readonly isPaused: boolean
}

export function positionOf(consumption: PartitionConsumption): PartitionPosition {
  const { topic, partition, position, highWatermark, isPaused } = consumption
  const lag = lagOf(position, highWatermark)
  return printable({ topic, partition, position, lag, isPaused })
}

function lagOf(position: bigint | undefined, highWatermark: bigint): bigint | undefined {
  if (position === undefined || highWatermark < 0n) return undefined
  return highWatermark > position ? highWatermark - position : 0n
}
