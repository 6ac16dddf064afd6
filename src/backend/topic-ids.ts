/**
 * Names of topics that a request gives by id, where they have to be looked up: a gateway that has just started has seen none
 * of them, and what it cannot name it cannot protect.
 */
import type { ResourceNames } from './access.ts'

/** A filter has met an id whose name is not known yet. */
class UnknownTopicIdError extends Error {
  readonly topicId: string

  constructor(topicId: string) {
    super(`The name of topic ${topicId} is not known yet`)
    this.topicId = topicId
  }
}

/** Runs `filter`, again each time that a name had to be looked up; it asks for names before it does anything else. */
export function withNamesLookedUp<T>(
  names: ResourceNames,
  filter: (names: ResourceNames) => Promise<T>,
): Promise<T> {
  return names.lookUp ? lookingUp(names, names.lookUp, filter) : filter(names)
}

async function lookingUp<T>(
  names: ResourceNames,
  lookUp: NonNullable<ResourceNames['lookUp']>,
  filter: (names: ResourceNames) => Promise<T>,
): Promise<T> {
  const absent = new Set<string>()
  const strict: ResourceNames = {
    ...names,
    topicName(topicId) {
      const name = names.topicName(topicId)
      if (name === undefined && !absent.has(topicId)) throw new UnknownTopicIdError(topicId)
      return name
    },
  }
  for (;;) {
    try {
      return await filter(strict)
    } catch (error) {
      if (!(error instanceof UnknownTopicIdError)) throw error
      await lookUp(error.topicId)
      absent.add(error.topicId)
    }
  }
}
