/** Did you mean …? for names of topics and groups: what was given is held against what there is. */
import { KafkaError, TopicNotFoundError } from '../../core/errors.ts'
import { didYouMean } from '../../core/suggestion.ts'
import type { Client } from '../../entry/client.ts'
import type { CommandSpec } from '../shell/command.ts'
import { NotFoundError } from '../shell/command-error.ts'
import { optionsOf } from '../shell/parser.ts'

interface Given {
  readonly spec: CommandSpec
  readonly args: { readonly [name: string]: unknown }
  readonly flags: { readonly [attribute: string]: unknown }
  readonly client: Client | undefined
}

/** The error, or one that says more. */
export async function withSuggestion(error: unknown, given: Given): Promise<unknown> {
  const kind = kindOf(error)
  if (kind === undefined || given.client === undefined) return error
  const names = await namesOf(kind, given.client).catch((): string[] => [])
  const { code } = error as KafkaError
  for (const name of givenNames(kind, given)) {
    if (names.includes(name)) continue
    const what = kind === 'topic' ? `there is no topic '${name}'` : `there is no group '${name}'`
    const hint = didYouMean(name, names) ?? `kafka-do ${kind} ls lists them`
    return new NotFoundError(what, { code, hint })
  }
  return error
}

function kindOf(error: unknown): 'topic' | 'group' | undefined {
  if (error instanceof TopicNotFoundError) return 'topic'
  return error instanceof KafkaError && error.code === 'GROUP_ID_NOT_FOUND' ? 'group' : undefined
}

async function namesOf(kind: 'topic' | 'group', { admin }: Client): Promise<string[]> {
  if (kind === 'topic') return (await admin.listTopics()).map(({ name }) => name)
  return (await admin.listGroups()).map(({ group }) => group)
}

function givenNames(kind: 'topic' | 'group', { spec, args, flags }: Given): string[] {
  const options = optionsOf(spec)
  return [
    ...Object.keys(spec.args)
      .filter((name) => spec.args[name]!.completes === kind)
      .map((name) => args[name]),
    ...Object.keys(options)
      .filter((name) => options[name]!.completes === kind)
      .map((name) => flags[name]),
  ]
    .flat()
    .filter((name): name is string => typeof name === 'string')
}
