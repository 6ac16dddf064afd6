/** uPlot, in the colours of the theme. */
import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { theme } from '../state/theme.ts'
import type { ChartProps } from './chart.tsx'

const height = 180
const strokes = ['--accent', '--second', '--third']

export default function DrawnChart({ label, points, series, format }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | undefined>(undefined)
  const chosen = theme.value

  // Colours change with the theme.
  useEffect(() => {
    const element = place.current!
    const colour = (name: string) => resolved(element, name)
    const axis = { stroke: colour('--dim'), grid: { stroke: colour('--line'), width: 1 } }
    const made = new UPlot(
      {
        ...{ width: Math.max(200, element.clientWidth), height },
        cursor: { y: false },
        scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
        axes: [
          { ...axis, space: 90, values: (_plot, times) => times.map(clock) },
          { ...axis, size: 70, values: (_plot, values) => withoutRepeats(values.map(format)) },
        ],
        series: [
          { value: (_plot, time) => (time === null ? '' : clock(time)) },
          ...series.map((name, i) => ({
            label: name,
            stroke: colour(strokes[i % strokes.length]!),
            width: 2,
            points: { show: false },
            value: (_plot: UPlot, value: number | null) => (value === null ? '–' : format(value)),
          })),
        ],
      },
      dataOf(points, series.length),
      element,
    )
    plot.current = made
    const watch = new ResizeObserver(() =>
      made.setSize({ width: Math.max(200, element.clientWidth), height }),
    )
    watch.observe(element)
    return () => {
      watch.disconnect()
      made.destroy()
    }
  }, [series.join(), chosen])

  useEffect(() => {
    plot.current?.setData(dataOf(points, series.length))
  }, [points, series.length])

  return (
    <div
      ref={place}
      class="chart"
      role="img"
      aria-label={described(label, points, series, format)}
    />
  )
}

/** In the time of this machine. */
function clock(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 8)
}

/** Places between two whole numbers round to one of them. */
function withoutRepeats(labels: readonly string[]): string[] {
  return labels.map((label, i) => (label === labels[i - 1] ? '' : label))
}

function dataOf(points: ChartProps['points'], count: number): UPlot.AlignedData {
  const times = points.map(({ at }) => at / 1000)
  const lines = Array.from({ length: count }, (_, i) =>
    points.map(({ values }) => values[i] ?? null),
  )
  return [times, ...lines]
}

function described(
  label: string,
  points: ChartProps['points'],
  series: readonly string[],
  format: (value: number) => string,
): string {
  const now = points.at(-1)?.values ?? []
  const said = series.map((name, i) => {
    const value = now[i]
    return `${name} ${value === null || value === undefined ? 'unknown' : format(value)}`
  })
  return `${label}: now ${said.join(', ')}`
}

/** A canvas takes no `light-dark()`: the colour that it is now. */
function resolved(element: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
