/** One number that is seen from afar. */
export function Figure({ title, value }: { title: string; value: string }) {
  return (
    <div class="figure">
      <span class="dim">{title}</span>
      <strong>{value}</strong>
    </div>
  )
}
