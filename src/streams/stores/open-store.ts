import type { Undo } from '../task/undo.ts'
import type { NewCells } from './cells.ts'
import { KeyValueStore } from './key-value-store.ts'
import { inMemory } from './memory-cells.ts'
import { PrefixedStore } from './prefixed-store.ts'
import { sessionKeys, windowKeys } from './span-keys.ts'
import { SpanStore } from './span-store.ts'
import type { Store } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { SuppressBuffer } from './suppress-buffer.ts'
import { TimelineStore } from './timeline-store.ts'
import { VersionedStore } from './versioned-store.ts'
import { WindowStore } from './window-store.ts'

/** A store for `spec`, without entries yet. `newCells`: where its values are to be; in memory by default. */
export function openStore(spec: StoreSpec, undo: Undo, newCells: NewCells = inMemory): Store {
  switch (spec.kind) {
    case 'key-value':
      return new KeyValueStore(spec, undo, newCells)
    case 'window':
      return new WindowStore(spec, undo, newCells)
    case 'session':
      return new SpanStore(spec, sessionKeys, undo, newCells)
    case 'sliding':
      return new SpanStore(spec, windowKeys, undo, newCells)
    case 'buffer':
      return new SuppressBuffer(spec, undo, newCells)
    case 'timeline':
      return new TimelineStore(spec, undo, newCells)
    case 'prefixed':
      return new PrefixedStore(spec, undo, newCells)
    case 'versioned':
      return new VersionedStore(spec, undo, newCells)
  }
}
