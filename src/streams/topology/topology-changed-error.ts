import { ConfigError } from '../../core/errors.ts'

/** The topology has changed so that state would be lost or misread. The message says which state and what to do. */
export class TopologyChangedError extends ConfigError {}
