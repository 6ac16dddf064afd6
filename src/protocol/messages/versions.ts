/** The errors of encoders and decoders that concern versions. */
import { KafkaError } from '../../core/errors.ts'

/** `field` (e.g. `ProduceRequest.transactionalId`) has a value that `version` has no place for. */
export function unsupportedField(field: string, version: number): KafkaError {
  return new KafkaError(
    `${field} cannot be sent in version ${version} of this API, and it is not at its default: leave it out or talk to a newer broker`,
    { code: 'UNSUPPORTED_VERSION' },
  )
}

/** `field` is null, which `version` does not allow. */
export function nullField(field: string, version: number): KafkaError {
  return new KafkaError(
    `${field} is null, which version ${version} of this API cannot express: give a value or talk to a newer broker`,
    { code: 'UNSUPPORTED_VERSION' },
  )
}

/** Throws unless `version` is one that the message has. */
export function checkVersion(message: string, version: number, min: number, max: number): void {
  if (version >= min && version <= max) return
  throw new KafkaError(
    `${message} has no version ${version}: versions ${min} to ${max} are known here`,
    { code: 'UNSUPPORTED_VERSION' },
  )
}
