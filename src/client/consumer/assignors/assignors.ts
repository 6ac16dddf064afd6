/** The assignors by name. */
import type { PlainAssignor } from './assignor.ts'
import { cooperativeSticky } from './cooperative-sticky.ts'
import { range } from './range.ts'
import { roundRobin } from './round-robin.ts'

export const assignors = {
  'cooperative-sticky': cooperativeSticky,
  range,
  roundrobin: roundRobin,
} as const satisfies { readonly [name: string]: PlainAssignor }
