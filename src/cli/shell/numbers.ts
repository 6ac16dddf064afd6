/** Numbers for people. */

export function formatCount(count: number | bigint): string {
  return String(count).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')
}

const steps = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function formatBytes(bytes: number): string {
  let value = bytes
  let step = 0
  while (value >= 1024 && step < steps.length - 1) {
    value /= 1024
    step++
  }
  return `${step === 0 ? value : value.toFixed(1)} ${steps[step]}`
}

/** `1.5 s`, `3 min`, `2.1 d` */
export function formatDuration(ms: number): string {
  if (ms < 0) return 'for ever'
  const [size, unit] =
    ms >= 86_400_000
      ? ([86_400_000, 'd'] as const)
      : ms >= 3_600_000
        ? ([3_600_000, 'h'] as const)
        : ms >= 60_000
          ? ([60_000, 'min'] as const)
          : ms >= 1000
            ? ([1000, 's'] as const)
            : ([1, 'ms'] as const)
  return `${Math.round((ms / size) * 10) / 10} ${unit}`
}

/** `1 record`, `2,000 records` */
export function counted(count: number | bigint, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 || count === 1n ? '' : 's'}`
}
