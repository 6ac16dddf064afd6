/** What is said of APIs and versions that a backend does not serve. */
import { KafkaError } from '../core/errors.ts'
import type { BackendApi } from './backend.ts'

export function isAccepted({ accepted }: BackendApi, version: number): boolean {
  return version >= accepted.minVersion && version <= accepted.maxVersion
}

/** `name`: Kafka's name of the API. */
export function notServed(name: string): KafkaError {
  return new KafkaError(`This broker does not serve ${name}`, { code: 'UNSUPPORTED_VERSION' })
}

export function versionNotServed({ api, accepted }: BackendApi, version: number): KafkaError {
  const { minVersion, maxVersion } = accepted
  return new KafkaError(
    `This broker serves ${api.name} in versions ${minVersion} to ${maxVersion}, not in version ${version}`,
    { code: 'UNSUPPORTED_VERSION' },
  )
}
