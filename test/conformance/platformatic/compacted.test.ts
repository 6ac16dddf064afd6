/** @platformatic/kafka reads a compacted log. */
import { describeCompacted } from '../npm/compacted-log.ts'
import { platformaticClient } from './record-client.ts'

describeCompacted({ '@platformatic/kafka': platformaticClient })
