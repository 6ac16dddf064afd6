/** `kafka-do completion` */
import { shells } from './completion/shells.ts'
import { anyArguments, defineCommand, switchOption } from './shell/command.ts'
import { UsageError } from './shell/command-error.ts'

export const completion = defineCommand({
  connects: false,
  formats: [],
  args: { shell: anyArguments({ doc: `one of ${shells.join(', ')}`, choices: shells }) },
  options: {
    words: switchOption({
      doc: 'for the completion scripts: completes the last word after --',
    }),
  },
  more: `bash: eval "$(kafka-do completion bash)" in ~/.bashrc. zsh: source <(kafka-do completion zsh) in ~/.zshrc, after
compinit. fish: kafka-do completion fish > ~/.config/fish/completions/kafka-do.fish. Names of topics and groups come
from the connection on the command line.`,
  examples: ['kafka-do completion bash', 'kafka-do completion zsh', 'kafka-do completion fish'],
  async run({ args, flags, io, out }) {
    if (flags.words) {
      const { complete } = await import('./completion/candidates.ts')
      const { candidates, paths } = await complete(
        args.shell.slice(0, -1),
        args.shell.at(-1) ?? '',
        io,
      )
      const lines = candidates.map(({ word, about }) => `${word}\t${about}`)
      await out.write([...lines, ...(paths ? [`:${paths}`] : [])].map((one) => `${one}\n`).join(''))
      return
    }
    const { scripts } = await import('./completion/scripts.ts')
    const [shell, ...others] = args.shell
    const known = shells.find((one) => one === shell)
    if (known === undefined || others.length > 0)
      throw new UsageError(
        `it takes one of ${shells.join(', ')}${shell === undefined ? '' : `; got '${args.shell.join(' ')}'`}`,
      )
    await out.write(scripts[known])
  },
})
