/** Small charts side by side, one for each axis: both scales logarithmic, so that a cost that stays the same is level. */

const width = 420
const height = 260
const margin = { left: 60, right: 12, top: 28, bottom: 30 }
const legendLine = 15
const colours = [
  '#2563eb',
  '#d97706',
  '#059669',
  '#dc2626',
  '#7c3aed',
  '#0891b2',
  '#db2777',
  '#4b5563',
]

/**
 * @param {readonly { readonly axis: string, readonly figure: string, readonly points: readonly (readonly [size: number, value: number])[] }[]} lines
 */
export function chart(lines) {
  const axes = [...new Set(lines.map(({ axis }) => axis))]
  const longest = Math.max(...axes.map((axis) => lines.filter((line) => line.axis === axis).length))
  const each = height + longest * legendLine + 12
  const rows = Math.ceil(axes.length / 2)
  const parts = axes.map((axis, i) => {
    const own = lines.filter((line) => line.axis === axis)
    const [x, y] = [(i % 2) * width, Math.floor(i / 2) * each]
    return `<g transform="translate(${x} ${y})">${panel(axis, own)}</g>`
  })
  const size = `width="${2 * width}" height="${rows * each}" viewBox="0 0 ${2 * width} ${rows * each}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="system-ui, sans-serif" font-size="11">
<title>What a unit of work costs as there is more of everything</title>
<rect width="100%" height="100%" fill="white"/>
${parts.join('\n')}
</svg>
`
}

/** @param {string} axis @param {Parameters<typeof chart>[0]} lines */
function panel(axis, lines) {
  const sizes = lines[0]?.points.map(([size]) => size) ?? []
  const values = lines
    .flatMap(({ points }) => points.map(([, value]) => value))
    .filter((v) => v > 0)
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.ceil(Math.log10(Math.max(...values)))
  const right = Math.log10(sizes.at(-1) ?? 1) || 1
  const x = (/** @type {number} */ size) =>
    margin.left + (Math.log10(size) / right) * (width - margin.left - margin.right)
  const y = (/** @type {number} */ value) => {
    const share = (Math.log10(Math.max(value, 10 ** low)) - low) / Math.max(1, high - low)
    return height - margin.bottom - share * (height - margin.top - margin.bottom)
  }
  const levels = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  return [
    `<text x="${margin.left}" y="16" font-weight="600" font-size="13">${axis}</text>`,
    ...levels.map((level) => grid(y(level), String(Number(level.toPrecision(1))))),
    ...sizes.map(
      (size) =>
        `<text x="${place(x(size))}" y="${height - 12}" text-anchor="middle">${size.toLocaleString('en')}</text>`,
    ),
    ...lines.map(({ points }, i) => {
      const path = points.map(([size, value]) => `${place(x(size))},${place(y(value))}`).join(' ')
      return `<polyline points="${path}" fill="none" stroke="${colours[i % colours.length]}" stroke-width="2"/>`
    }),
    ...lines.map(({ figure }, i) => legend(figure, i)),
  ].join('\n')
}

/** @param {number} at @param {string} label */
function grid(at, label) {
  return `<line x1="${margin.left}" x2="${width - margin.right}" y1="${place(at)}" y2="${place(at)}" stroke="#e5e7eb"/><text x="${margin.left - 6}" y="${place(at + 4)}" text-anchor="end">${label}</text>`
}

/** @param {string} figure @param {number} i */
function legend(figure, i) {
  const y = height + 6 + i * legendLine
  return `<rect x="${margin.left}" y="${y - 8}" width="12" height="4" fill="${colours[i % colours.length]}"/><text x="${margin.left + 18}" y="${y - 2}">${figure}</text>`
}

/** @param {number} value */
function place(value) {
  return Math.round(value * 10) / 10
}
