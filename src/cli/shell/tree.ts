/** Commands and groups of commands, by their words. What a command does is loaded when it is run. */
import type { CommandSpec } from './command.ts'

export interface Leaf {
  readonly summary: string
  readonly aliases?: readonly string[]
  readonly load: () => Promise<CommandSpec>
}

export interface Branch {
  readonly summary: string
  readonly aliases?: readonly string[]
  readonly commands: CommandTree
}

export type Node = Leaf | Branch

export interface CommandTree {
  readonly [word: string]: Node
}

export interface Found {
  /** The words that lead there, by their proper names. */
  readonly path: readonly string[]
  readonly node: Node | { readonly summary: string; readonly commands: CommandTree }
  /** What is left of the command line. */
  readonly rest: readonly string[]
}

/** Goes down as far as words lead. */
export function find(root: CommandTree, words: readonly string[]): Found {
  let node: Found['node'] = { summary: '', commands: root }
  const path: string[] = []
  let at = 0
  while ('commands' in node && at < words.length) {
    const name: string | undefined = properName(node.commands, words[at]!)
    if (name === undefined) break
    path.push(name)
    node = node.commands[name]!
    at++
  }
  return { path, node, rest: words.slice(at) }
}

function properName(commands: CommandTree, word: string): string | undefined {
  if (Object.hasOwn(commands, word)) return word
  return Object.keys(commands).find((name) => commands[name]!.aliases?.includes(word))
}

/** All names under which the commands go. */
export function namesIn(commands: CommandTree): string[] {
  return Object.entries(commands).flatMap(([name, { aliases = [] }]) => [name, ...aliases])
}

/** Every command, by its words. */
export async function leavesOf(
  tree: CommandTree,
  above: readonly string[] = [],
): Promise<{ path: readonly string[]; summary: string; spec: CommandSpec }[]> {
  const found = await Promise.all(
    Object.entries(tree).map(async ([word, node]) => {
      const path = [...above, word]
      if ('commands' in node) return leavesOf(node.commands, path)
      return [{ path, summary: node.summary, spec: await node.load() }]
    }),
  )
  return found.flat()
}
