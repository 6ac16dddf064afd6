/**
 * Whether the server lives, and whether it is ready. Lives: the process answers. Ready: it has opened, is not about to go, and
 * nothing that it needs is missing as a whole.
 *
 *   opening ──▶ serving ──▶ draining ──▶ closed
 *
 * What lacks a part and goes on is `degraded`, and ready: a disk that is low on space refuses writes and serves reads, and to
 * take the server away would end those too.
 */

export type Phase = 'opening' | 'serving' | 'draining' | 'closed'
export type Status = 'ok' | 'degraded' | 'failed'

export interface Check {
  readonly name: string
  readonly status: Status
  /** What it means, and what to do; undefined while all is well. */
  readonly detail?: string | undefined
  /** Numbers that go with it. */
  readonly more?: { readonly [name: string]: number }
}

export interface CheckSource {
  readonly name: string
  readonly look: () => Omit<Check, 'name'> | Promise<Omit<Check, 'name'>>
}

export interface Readiness {
  readonly status: Status
  readonly checks: readonly Check[]
}

export class Health {
  phase: Phase = 'opening'
  readonly #sources: CheckSource[] = []

  /** From now on this is looked at, too. */
  add(...sources: CheckSource[]): void {
    this.#sources.push(...sources)
  }

  /** Never rejects. */
  async readiness(): Promise<Readiness> {
    const checks = [phaseCheck(this.phase)]
    // What is closed says nothing of use.
    if (this.phase === 'serving' || this.phase === 'draining') {
      for (const source of this.#sources) checks.push(await checked(source))
    }
    return { status: worst(checks), checks }
  }
}

function phaseCheck(phase: Phase): Check {
  const details: { readonly [phase in Phase]: string | undefined } = {
    opening: 'the data folder is being opened; after a crash its logs are recovered first',
    serving: undefined,
    draining: 'the server is about to stop: send new work elsewhere',
    closed: 'the server has stopped',
  }
  const detail = details[phase]
  return { name: phase, status: detail === undefined ? 'ok' : 'failed', detail }
}

/** What cannot be looked at is as bad as what is found to be. */
async function checked({ name, look }: CheckSource): Promise<Check> {
  try {
    return { name, ...(await look()) }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { name, status: 'failed', detail }
  }
}

function worst(checks: readonly Check[]): Status {
  const has = (status: Status) => checks.some((check) => check.status === status)
  if (has('failed')) return 'failed'
  return has('degraded') ? 'degraded' : 'ok'
}
