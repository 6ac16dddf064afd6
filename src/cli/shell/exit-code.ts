/** What a command's exit code says; a contract for scripts (docs/guide/command-line.md). */
export const exitCode = {
  done: 0,
  /** It failed, or what was looked for (damage) was found. */
  failed: 1,
  /** The command line cannot be understood, or asks for what cannot be. */
  usage: 2,
  /** Not allowed: no right, or no key that is known. */
  denied: 3,
  /** The topic, partition, group, key, folder … is not there. */
  notFound: 4,
  timedOut: 5,
  /** Ctrl-C, as shells have it: 128 and the number of SIGINT. */
  interrupted: 130,
  /** SIGTERM. */
  terminated: 143,
} as const

export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

export const exitCodeHelp =
  'Exit code: 0 done; 1 it failed; 2 wrong usage; 3 not allowed; 4 not found; 5 timed out; 130 interrupted.'
