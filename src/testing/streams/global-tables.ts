/** Topics that every process reads whole, each into a store that all tasks look into. They are not part of what is undone. */
import { openStore } from '../../streams/stores/open-store.ts'
import { restoreRecord, type Store } from '../../streams/stores/store.ts'
import type { Origin } from '../../streams/stream-record.ts'
import { toProcessingError } from '../../streams/task/processing-failure.ts'
import { asRead, refusalOf } from '../../streams/task/read-record.ts'
import type { RecordData } from '../../streams/task/record-data.ts'
import type { StreamErrorPolicy } from '../../streams/task/stream-error-policy.ts'
import { Undo } from '../../streams/task/undo.ts'
import type { Topology } from '../../streams/topology/topology.ts'

interface Global {
  readonly store: Store
  readonly onError: StreamErrorPolicy
}

export class GlobalTables {
  /** By the store's name. */
  readonly stores = new Map<string, Store>()
  readonly #byTopic = new Map<string, Global[]>()

  /** `onError`: of the application. */
  constructor(topology: Topology, onError: StreamErrorPolicy) {
    for (const source of topology.globals) {
      const spec = topology.storeOf(source)
      const store = openStore(spec, new Undo())
      this.stores.set(spec.name, store)
      const others = this.#byTopic.get(source.topic) ?? []
      this.#byTopic.set(source.topic, [...others, { store, onError: source.onError ?? onError }])
    }
  }

  /**
   * Takes in a record, if one of them is of that topic. Gives why it was passed over; undefined: it was not. Throws what the stream
   * stops with.
   */
  put(record: Origin & RecordData): 'null key' | 'failed' | undefined {
    let passedOver: 'null key' | 'failed' | undefined
    for (const { store, onError } of this.#byTopic.get(record.topic) ?? []) {
      const refused = refusalOf(store.spec, record, record)
      if (refused) {
        const error = toProcessingError(record, refused)
        if (onError(error, () => asRead(record, record)).finally === 'stop') throw error
        passedOver = 'failed'
      } else if (record.keyBytes() === null) passedOver = 'null key'
      else restoreRecord(store, record)
    }
    return passedOver
  }
}
