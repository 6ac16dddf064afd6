/** A chart over time. What draws it is loaded when there is one to draw. */
import { ErrorBoundary, lazy } from 'preact-iso'
import type { Point } from '../state/history.ts'

export interface ChartProps {
  /** Of the chart, for who does not see it. */
  readonly label: string
  readonly points: readonly Point[]
  readonly series: readonly string[]
  readonly format: (value: number) => string
}

const Drawn = lazy(() => import('./drawn-chart.tsx'))

export function Chart(props: ChartProps) {
  if (props.points.length < 2)
    return <p class="dim chart-empty">The chart begins with the second look, in a few seconds.</p>
  return (
    <ErrorBoundary>
      <Drawn {...props} />
    </ErrorBoundary>
  )
}
