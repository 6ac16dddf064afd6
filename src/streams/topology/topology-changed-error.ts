import { ConfigError } from '../../core/errors.ts'

/** The topology has changed so that state would be lost, or be taken for what it is not. The message says which and what to do. */
export class TopologyChangedError extends ConfigError {}
