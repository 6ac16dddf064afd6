/**
 * An aggregate must not be changed in place: the store would hold the new value before the record has succeeded, and undo would
 * bring back nothing. So what goes into a store is frozen, and whoever changes it gets a TypeError at once.
 */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  // Views of bytes cannot be frozen.
  if (ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const part of Object.values(value)) frozen(part as unknown)
  return value
}
