/** A group that has members: who they are, so that they can be stopped. */
import type { GroupMember } from '../../client/admin/groups.ts'
import { CommandError } from '../shell/command-error.ts'

export function errorForActive(group: string, members: readonly GroupMember[]): CommandError {
  const where = members.map(({ clientId, host }) => `${clientId} at ${host}`).join(', ')
  return new CommandError(`group '${group}' has members: ${where}`, {
    code: 'NON_EMPTY_GROUP',
    hint: 'Stop them first; a killed member stays until its session times out',
  })
}
