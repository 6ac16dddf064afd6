/** Visits: clicks of a user that follow one another within half an hour. A click between two visits makes them one. */
import { Client, Message, topic, Window } from 'kafka-do'

/** @type {import('kafka-do').Topic<{ page: string }>} */
const clicks = topic('example-session-clicks')
const kafka = new Client()

/** @param {string} key @param {string} time @param {string} page */
const click = (key, time, page) =>
  new Message({ page }, { key, timestamp: new Date(`2025-01-01T${time}Z`) })
await kafka.producer(clicks).sendBatch([
  click('ada', '10:00:00', 'home'),
  click('ada', '10:40:00', 'cart'),
  // It comes late, within the grace, and joins the two.
  click('ada', '10:20:00', 'shoes'),
  click('ada', '12:00:00', 'home'),
  click('end', '20:00:00', 'home'),
])

const enough = new AbortController()
/** @param {Date} date */
const time = (date) => date.toISOString().slice(11, 16)
/** @type {string[]} */
const none = []
let visits = 0
await kafka
  .stream(clicks, { app: 'example-sessions', signal: enough.signal })
  .groupByKey()
  .window(Window.session('30m', { grace: '1h' }))
  .aggregate({
    initial: () => none,
    add: (pages, { page }) => [...pages, page],
    merge: (earlier, later) => [...earlier, ...later],
    store: 'visits',
  })
  .final()
  .forEach((user, { value, start, end }) => {
    console.log(`${user}, ${time(start)} to ${time(end)}: ${value?.join(', ')}`)
    if (++visits === 2) enough.abort()
  })
await kafka.close()
