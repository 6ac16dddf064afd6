import { home } from '../state/place.ts'

export function NotFound() {
  return (
    <section class="page">
      <h1>There is nothing here</h1>
      <p>
        The address leads to no page of the console. <a href={home}>Overview</a>
      </p>
    </section>
  )
}
