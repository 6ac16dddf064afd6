/** An application by its name, where there is one. */
import type { Admin } from '../../client/admin.ts'
import { didYouMean } from '../../core/suggestion.ts'
import { NotFoundError } from '../shell/command-error.ts'
import { lookUpApplication, type StoredApplication } from './stored-application.ts'

/** Throws `NotFoundError`. */
export async function findApplication(admin: Admin, app: string): Promise<StoredApplication> {
  const application = await lookUpApplication(admin, app)
  if (application.group || application.internalTopics.length > 0) return application
  const groups = (await admin.listGroups()).map(({ group }) => group)
  throw new NotFoundError(`there is no application '${app}': no group and no internal topics`, {
    code: 'APPLICATION_NOT_FOUND',
    hint: didYouMean(app, groups),
  })
}
