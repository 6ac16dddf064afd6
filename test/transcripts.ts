/**
 * Transcripts: files of steps, each followed by what comes of it, indented. UPDATE_SCENARIOS=1 writes what comes now; read
 * the difference before you keep it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Scenario {
  /** What comes of one step. */
  step(line: string): readonly string[]
}

/** One test for each file of the folder. `begin` is given the file's text. */
export function testTranscripts(folder: string, begin: (text: string) => Scenario): void {
  test.each(readdirSync(folder))('%s', (file) => {
    const text = readFileSync(folder + file, 'utf8')
    const scenario = begin(text)
    const lines: string[] = []
    for (const line of text.trimEnd().split('\n')) {
      if (line.startsWith('  ')) continue
      lines.push(line)
      if (line !== '' && !line.startsWith('#'))
        lines.push(...scenario.step(line).map((out) => `  ${out}`))
    }
    const now = `${lines.join('\n')}\n`
    if (process.env.UPDATE_SCENARIOS) writeFileSync(folder + file, now)
    else expect(now).toBe(text)
  })
}
