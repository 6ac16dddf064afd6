/** Numbers and times for people. Integers of 64 bits are shown with all their digits. */

const grouped = new Intl.NumberFormat('en')
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `12,345`. Text is an integer of 64 bits. */
export function count(value: number | bigint | string): string {
  return grouped.format(typeof value === 'string' ? BigInt(value) : value)
}

/** `1.5 MiB`. */
export function bytes(value: number | bigint | string): string {
  let size = Number(value)
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`
}

/** `1,200 /s`. Undefined: it is not known yet. */
export function rate(value: number | undefined): string {
  if (value === undefined) return '…'
  return `${value > 0 && value < 10 ? value.toFixed(1) : grouped.format(Math.round(value))} /s`
}

/** `3 min 20 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

/** In the time of this machine, to the millisecond. */
export function time(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return iso
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 23).replace('T', ' ')
}

/** `1 topic`, `2 topics`. */
export function some(number: number, one: string, several = `${one}s`): string {
  return `${grouped.format(number)} ${number === 1 ? one : several}`
}
