/** A command line as a shell cuts it: quotes, and nothing else that shells do. */

/** The words after `kafka-do`, of the first command in a line with pipes. Throws when there is no such command. */
export function wordsOf(line: string): string[] {
  const command = pipelineOf(line).find(({ words }) => words[0] === 'kafka-do')
  if (!command) throw new Error(`there is no kafka-do in: ${line}`)
  return command.words.slice(1)
}

export interface PipedCommand {
  readonly words: string[]
  /** What stands behind `>`. */
  output?: string
}

/** Commands of a line, cut at pipes. */
export function pipelineOf(line: string): PipedCommand[] {
  const found: PipedCommand[] = [{ words: [] }]
  const tokens = line.matchAll(/\s*(?:([|<>])|((?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"|<>\\])+))/g)
  let redirection: string | undefined
  for (const [, operator, written] of tokens) {
    const last = found.at(-1)!
    if (operator === '|') found.push({ words: [] })
    else if (operator !== undefined) redirection = operator
    else if (redirection !== undefined) {
      if (redirection === '>') last.output = unquoted(written!)
      redirection = undefined
    } else last.words.push(unquoted(written!))
  }
  return found
}

function unquoted(written: string): string {
  return written.replaceAll(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g,
    (_, single, double, escaped) => {
      if (single !== undefined) return single as string
      if (double !== undefined) return (double as string).replaceAll(/\\(["\\$`])/g, '$1')
      return escaped as string
    },
  )
}
