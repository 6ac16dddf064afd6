/** `kafka-do key rotate` */
import { argument, defineCommand, valueOption } from '../shell/command.ts'
import { durationMs } from '../shell/readers.ts'
import { keyFileOption, printKey } from './key-file.ts'

export const keyRotate = defineCommand({
  args: { id: argument({ doc: 'the id of the key' }) },
  options: {
    overlap: valueOption({
      placeholder: 'time',
      doc: 'how long the old secret stays valid, up to 30d',
      byDefault: 'not at all',
      read: durationMs,
    }),
    keyFile: keyFileOption,
  },
  examples: ['kafka-do key rotate ID --overlap 1h --key-file new.key'],
  async run({ args, flags, connect, out }) {
    const { admin } = await connect()
    await printKey(flags.keyFile, out, () => admin.rotateKey(args.id, { overlap: flags.overlap }))
  },
})
