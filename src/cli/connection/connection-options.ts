/** The options of every command that opens a client: where the events are, and as whom they are asked for. */
import { defaultedOption, type FlagsOf, switchOption, valueOption } from '../shell/command.ts'
import { durationMs, oneOf } from '../shell/readers.ts'

const section = 'Connection:'
const defaultTimeout = '15s'

export const connectionOptions = {
  url: valueOption({
    placeholder: 'url',
    doc: 'connection: file:./data, kafka://host:9092, kafka+tls://host, https://host, http://host:8080',
    byDefault: '--context, KAFKA_DO_CONTEXT, KAFKA_DO_URL, the current context, file:./.kafka-do',
    section,
  }),
  context: valueOption({
    placeholder: 'name',
    doc: 'connection saved by kafka-do context add',
    completes: 'context',
    section,
  }),
  apiKeyFile: valueOption({
    placeholder: 'file',
    doc: 'file with the API key',
    byDefault: 'KAFKA_DO_API_KEY',
    completes: 'file',
    section,
  }),
  saslUser: valueOption({
    placeholder: 'name',
    doc: 'SASL user, with --sasl-password-file',
    section,
  }),
  saslPasswordFile: valueOption({
    placeholder: 'file',
    doc: "file with the user's password",
    byDefault: 'KAFKA_DO_SASL_PASSWORD',
    completes: 'file',
    section,
  }),
  saslMechanism: valueOption({
    placeholder: 'name',
    doc: 'SASL mechanism',
    byDefault: 'SCRAM-SHA-512',
    choices: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    read: oneOf(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
    section,
  }),
  tlsCa: valueOption({
    placeholder: 'file',
    doc: 'PEM file of the authorities to trust',
    completes: 'file',
    section,
  }),
  tlsCert: valueOption({
    placeholder: 'file',
    doc: 'PEM file of the client certificate',
    completes: 'file',
    section,
  }),
  tlsKey: valueOption({
    placeholder: 'file',
    doc: 'PEM file of its private key',
    completes: 'file',
    section,
  }),
  timeout: defaultedOption({
    placeholder: 'time',
    doc: 'time limit of one call, including retries; if given, also of one written record',
    fallback: defaultTimeout,
    read: durationMs,
    section,
  }),
  verbose: switchOption({ doc: 'log retries and connections to standard error', section }),
} as const

export type ConnectionFlags = FlagsOf<typeof connectionOptions>

/** What was asked for; undefined: what is the default for calls, which is short for records that a quota holds up. */
export function givenTimeout({ timeout }: Partial<ConnectionFlags>): number | undefined {
  return timeout === durationMs(defaultTimeout) ? undefined : timeout
}
