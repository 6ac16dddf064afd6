/**
 * The APIs that this broker serves, by key. Dispatch, the ApiVersions answer and the docs derive from it. To add one: its
 * file in `handlers/` and its line in `served-apis.ts`.
 */
import type { ServedApi } from './served-api.ts'
import * as list from './served-apis.ts'

export const servedApis: readonly ServedApi[] = Object.values(list).sort(
  (a, b) => a.api.key - b.api.key,
)

const byKey: (ServedApi | undefined)[] = []
for (const served of servedApis) byKey[served.api.key] = served

export function servedApi(key: number): ServedApi | undefined {
  return byKey[key]
}
