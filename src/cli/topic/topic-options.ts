/** Options that creating and changing a topic share. */
import { listOption, valueOption } from '../shell/command.ts'
import { pair, retentionMs } from '../shell/readers.ts'

export const retentionOption = valueOption({
  placeholder: 'time',
  doc: 'how long records are kept: 12h, 7d, forever',
  read: retentionMs,
})

export const configOption = listOption({
  short: 'c',
  placeholder: 'name=value',
  doc: 'other Kafka topic config, such as cleanup.policy=compact; may be repeated',
  read: pair('='),
})
