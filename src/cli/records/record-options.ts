/** Options of more than one command that writes or reads records. */
import { listOption, valueOption } from '../shell/command.ts'
import { oneOf, positiveNumber, wholeNumber } from '../shell/readers.ts'

const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export const compressionOption = valueOption({
  short: 'z',
  placeholder: 'name',
  doc: 'compression of batches',
  byDefault: 'none',
  choices: compressions,
  read: oneOf(compressions),
})

export const rateOption = valueOption({
  placeholder: 'records',
  doc: 'limit, records per second',
  read: positiveNumber,
})

export const partitionsOption = listOption({
  short: 'p',
  placeholder: 'number',
  doc: 'only this partition; may be repeated',
  byDefault: 'all',
  read: wholeNumber(),
})
