/** What cannot be undone is shown first, and done with `--execute`. */
import { switchOption } from './command.ts'

export const executeOption = switchOption({ doc: 'do it; otherwise only show what would be done' })

export const notExecuted = 'Nothing was changed: this is what --execute would do.'
