/** Looks up what a windowed aggregate has in its store, by key and window. */
import type { Operator } from '../operator.ts'
import type { SpanStore } from '../stores/span-store.ts'
import type { WindowStore } from '../stores/window-store.ts'
import type { Windowed } from '../windowed.ts'
import type { SessionWindow, TimeWindow } from '../windows.ts'
import type { View } from './table.ts'

/** Also of windows that are still open, whatever the operator tells of, as in Kafka Streams. */
export function windowedView(operator: Operator, { kind }: TimeWindow | SessionWindow): View {
  return (scope) => {
    if (kind === 'session' || kind === 'sliding') {
      const store = scope.store<SpanStore>('', operator)
      return (windowed) => {
        const { key, startMs, endMs } = windowed as Windowed
        // Sliding windows are kept by their start.
        return store.get(key, startMs, kind === 'session' ? endMs : startMs)
      }
    }
    const store = scope.store<WindowStore>('', operator)
    return (windowed) => {
      const { key, startMs } = windowed as Windowed
      return store.get(key, startMs)
    }
  }
}
